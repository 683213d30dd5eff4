package recorder_test

import (
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"google.golang.org/grpc/codes"

	"grpcbench/loadgen/recorder"
)

// kind are the exemplars of one kind, in their order.
func kind(all []recorder.Exemplar, name string) (of []recorder.Exemplar) {
	for _, x := range all {
		if x.Kind == name {
			of = append(of, x)
		}
	}
	return of
}

func responses(of []recorder.Exemplar) (ns []int64) {
	for _, x := range of {
		ns = append(ns, x.Response)
	}
	return ns
}

// EX-1: of a million calls the ten slow ones are known, and all are among the slowest.
func TestSlowCallsAreKept(t *testing.T) {
	const calls = 1_000_000
	r := recorder.New(recorder.Config{OpenLoop: true})
	lanes := []*recorder.Lane{r.NewLane(), r.NewLane(), r.NewLane(), r.NewLane()}
	random := rand.New(rand.NewPCG(1, 2))
	slow := map[uint64]bool{}
	for len(slow) < 10 {
		slow[random.Uint64N(calls)] = true
	}
	for seq := range uint64(calls) {
		c := recorder.Sample{Worker: uint16(seq % 50), Seq: seq, Intended: 1000, Sent: 2000, Done: 2000 + 100_000 +
			random.Int64N(100_000)}
		if slow[seq] {
			c.Done += 5_000_000
		}
		lanes[seq%4].Call(&c)
	}
	flush(t, r, 0, 1, lanes...)
	got := kind(r.Total().Exemplars(100, math.MaxInt64), recorder.Slow)
	if len(got) != 100 {
		t.Fatalf("%d slowest calls, want 100", len(got))
	}
	for i, x := range got {
		if slow[x.Seq] != (i < 10) {
			t.Errorf("place %d has call %d, known as slow: %v", i, x.Seq, slow[x.Seq])
		}
		if x.Worker != uint16(x.Seq%50) || x.Intended != 1000 || x.Service != x.Response-1000 {
			t.Errorf("call %d is told as %+v", x.Seq, x)
		}
	}
	if !slices.IsSortedFunc(got, func(a, b recorder.Exemplar) int { return int(b.Response - a.Response) }) {
		t.Error("the slowest call does not come first")
	}
	if got := kind(r.Total().Exemplars(7, 0), recorder.Slow); len(got) != 7 || !slow[got[0].Seq] {
		t.Errorf("asked for 7, got %d", len(got))
	}
}

// EX-2: memory does not grow with the calls, however many of them are news.
func TestExemplarsMemory(t *testing.T) {
	r := recorder.New(recorder.Config{OpenLoop: true})
	s := r.NewLane()
	random := rand.New(rand.NewPCG(3, 4))
	var seq uint64
	run := func(calls int) {
		for range calls {
			seq++
			c := recorder.Sample{
				// ever slower
				Worker: uint16(seq % 50), Seq: seq, Done: int64(seq) + int64(100_000*math.Exp(random.NormFloat64())),
				LoadReport: func() string { return "0123456789012345678901234567890123456789" },
			}
			if seq%10 == 0 {
				c.Code, c.Message = codes.Code(seq/10%20), "a failure of one of all sorts"
			}
			s.Call(&c)
			if seq%100_000 == 0 {
				flush(t, r, 1, 2, s)
			}
		}
	}
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	run(100_000)
	before := heap()
	run(900_000)
	if grown := heap() - before; grown >= 1<<20 {
		t.Errorf("between 100,000 calls and a million the heap grew by %d bytes, want less than 1 MiB", grown)
	}
	runtime.KeepAlive(r)
}

// halfOctave bounds the half-octave that holds ns.
func halfOctave(ns int64) (low, high int64) {
	low = 1
	for 2*low <= ns {
		low *= 2
	}
	if middle := low + low/2; ns >= middle && middle > low {
		return middle, 2 * low
	}
	return low, low + (low+1)/2
}

// EX-3: from a latency up, each half-octave that holds a call has the slowest of them as exemplar, and it lies in
// there.
func TestEveryBucketHasAnExemplar(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	r := recorder.New(recorder.Config{})
	lanes := []*recorder.Lane{r.NewLane(), r.NewLane(), r.NewLane()}
	var all []int64
	for i := range 30_000 {
		v := int64(200_000 * math.Exp(2*random.NormFloat64()))
		all = append(all, v)
		lanes[i%3].Call(&recorder.Sample{Seq: uint64(i), Done: v})
	}
	for _, v := range []int64{1, 2, 3, hour, hour + 5, 1 << 50} { // the ends, and past them
		all = append(all, v)
		lanes[0].Call(&recorder.Sample{Seq: uint64(len(all) - 1), Done: v})
	}
	flush(t, r, 0, 1, lanes...)
	sorted := slices.Sorted(slices.Values(all))
	for _, from := range []int64{
		0, sorted[len(sorted)/2], sorted[len(sorted)*99/100], sorted[len(sorted)*999/1000],
		hour, sorted[len(sorted)-1], sorted[len(sorted)-1] + 1,
	} {
		slowestOf := map[int64]int64{} // of each half-octave, by its lower bound
		for _, v := range sorted {
			low, _ := halfOctave(min(v, 1<<43-1)) // the last holds all there is above
			slowestOf[low] = v
		}
		var want []int64
		for _, v := range slowestOf {
			if v >= from {
				want = append(want, v)
			}
		}
		slices.SortFunc(want, func(a, b int64) int { return int(b - a) })
		got := kind(r.Total().Exemplars(10, from), recorder.Bucket)
		if !slices.Equal(responses(got), want) {
			t.Errorf("from %d: exemplars of %v, want %v", from, responses(got), want)
		}
		for _, x := range got {
			if all[x.Seq] != x.Response {
				t.Errorf("from %d: call %d is said to have taken %d, want %d", from, x.Seq, x.Response, all[x.Seq])
			}
		}
	}
}

// The first five failures of each code tell what went wrong, whatever came after them.
func TestFirstFailuresOfEachCode(t *testing.T) {
	r := recorder.New(recorder.Config{})
	lanes := []*recorder.Lane{r.NewLane(), r.NewLane()}
	for i := range 40 {
		code := []codes.Code{codes.Unavailable, codes.Internal, codes.OK, codes.Unauthenticated}[i/2%4]
		lanes[i%2].Call(&recorder.Sample{
			Seq: uint64(i), Intended: int64(i), Sent: int64(i), Done: int64(i) + 10,
			Code: code, Message: code.String(),
		})
	}
	lanes[0].Call(&recorder.Sample{Seq: 99, Code: codes.NotFound})
	flush(t, r, 0, 1, lanes...)
	got := map[codes.Code][]uint64{}
	for _, x := range kind(r.Total().Exemplars(0, math.MaxInt64), recorder.Failed) {
		got[x.Code] = append(got[x.Code], x.Seq)
		if x.Seq != 99 && x.Message != x.Code.String() {
			t.Errorf("call %d says %q", x.Seq, x.Message)
		}
	}
	want := map[codes.Code][]uint64{
		codes.Unavailable: {0, 1, 8, 9, 16}, codes.Internal: {2, 3, 10, 11, 18},
		codes.Unauthenticated: {6, 7, 14, 15, 22}, codes.NotFound: {99},
	}
	for code := range codes.Code(recorder.CodeCount) {
		if !slices.Equal(got[code], want[code]) {
			t.Errorf("%v: the first failures are %v, want %v", code, got[code], want[code])
		}
	}
}

// A code that gRPC does not have counts as UNKNOWN, and as an exemplar it is no other code's.
func TestForeignCodesAreUnknown(t *testing.T) {
	r := recorder.New(recorder.Config{})
	s := r.NewLane()
	for i := range 5 {
		s.Call(&recorder.Sample{Seq: uint64(i), Intended: int64(i), Code: 99})
	}
	s.Call(&recorder.Sample{Seq: 5, Intended: 5, Code: codes.Unauthenticated})
	flush(t, r, 0, 1, s)
	got := map[codes.Code]int{}
	for _, x := range kind(r.Total().Exemplars(0, math.MaxInt64), recorder.Failed) {
		got[x.Code]++
	}
	if got[codes.Unknown] != 5 || got[codes.Unauthenticated] != 1 || len(got) != 2 {
		t.Errorf("failures kept by code: %v, want 5 of UNKNOWN and 1 of UNAUTHENTICATED", got)
	}
}

// A report is a part of the buffer that the transport read it into: an exemplar holds on to no such buffer.
func TestExemplarsOwnTheirReport(t *testing.T) {
	r := recorder.New(recorder.Config{})
	s := r.NewLane()
	buffer := strings.Repeat("x", 1<<16) + "the report"
	report := buffer[1<<16:]
	s.Call(&recorder.Sample{Done: 5, LoadReport: func() string { return report }})
	flush(t, r, 0, 1, s)
	for _, x := range r.Total().Exemplars(100, 0) {
		if x.LoadReport != report || unsafe.StringData(x.LoadReport) == unsafe.StringData(report) {
			t.Errorf("the %s exemplar holds %q, want a copy of the report", x.Kind, x.LoadReport)
		}
	}
}

// Calls that the run's end cut off are neither slow nor failed: the oldest of them are named as what they are.
func TestUnansweredExemplars(t *testing.T) {
	r := recorder.New(recorder.Config{})
	lanes := []*recorder.Lane{r.NewLane(), r.NewLane()}
	for i := range 20 {
		lanes[i%2].Call(&recorder.Sample{Seq: uint64(i), Unfinished: true, Code: codes.Canceled, Done: int64(i) * 1e9})
	}
	flush(t, r, 0, 1, lanes...)
	got := r.Total().Exemplars(100, 0)
	if len(got) != 5 {
		t.Fatalf("%d exemplars, want the 5 oldest: %+v", len(got), got)
	}
	for i, x := range got {
		if want := uint64(19 - i); x.Kind != recorder.Unanswered || x.Seq != want || x.Response != int64(want)*1e9 {
			t.Errorf("exemplar %d is %+v, want the call %d, unanswered", i, x, want)
		}
	}
}
