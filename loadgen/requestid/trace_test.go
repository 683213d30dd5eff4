package requestid_test

import (
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"grpcbench/loadgen/requestid"
)

// version 00 of W3C Trace Context, section 3.2: lower-case hex of fixed width.
var traceparent = regexp.MustCompile(`^00-([0-9a-f]{32})-([0-9a-f]{16})-(00|01)$`)

var (
	noTrace = strings.Repeat("0", 32)
	noSpan  = strings.Repeat("0", 16)
)

func TestTraceparent(t *testing.T) {
	all, none := requestid.NewSampler(1), requestid.NewSampler(0)
	for _, tt := range []struct {
		reason string
		id     requestid.ID
		want   string // without the flag
	}{
		{
			"the zero id has ids all the same, which no zero may be",
			requestid.ID{},
			"00-00000000000000000000000000000001-0000000000000001",
		},
		{
			"run, worker and number in their places",
			requestid.ID{Run: 0x01234567, Worker: 0x89ab, Seq: 0xcdef},
			"00-012345670000000089ab00000000cdf0-89ab00000000cdf0",
		},
		{
			"every digit",
			requestid.ID{Run: 0xdeadbeef, Worker: 0xffff, Seq: 0xabcdef01233f},
			"00-deadbeef00000000ffffabcdef012340-ffffabcdef012340",
		},
		{
			"a high run sets no sign",
			requestid.ID{Run: math.MaxUint32, Seq: 41},
			"00-ffffffff00000000000000000000002a-000000000000002a",
		},
		{
			"a number past the largest keeps its low bits, as in the request id",
			requestid.ID{Seq: requestid.MaxSeq + 2},
			"00-00000000000000000000000000000002-0000000000000002",
		},
	} {
		if got := none.Traceparent(tt.id); got != tt.want+"-00" {
			t.Errorf("%s: %+v not sampled is %q, want %q", tt.reason, tt.id, got, tt.want+"-00")
		}
		if got := all.Traceparent(tt.id); got != tt.want+"-01" {
			t.Errorf("%s: %+v sampled is %q, want %q", tt.reason, tt.id, got, tt.want+"-01")
		}
		var put [requestid.TraceparentLen]byte
		for i := range put {
			put[i] = '#' // of the call before
		}
		none.PutTraceparent(&put, tt.id)
		if got := string(put[:]); got != tt.want+"-00" {
			t.Errorf("%s: PutTraceparent over another's wrote %q", tt.reason, got)
		}
	}
}

// Whatever the id: the header is valid, agrees with the ids that the span is exported by, and with Sampled.
func TestTraceparentsAreValid(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	s := requestid.NewSampler(0.5)
	ids := []requestid.ID{
		{},
		{Seq: requestid.MaxSeq},
		{Seq: requestid.MaxSeq - 1},
		{Worker: math.MaxUint16, Seq: requestid.MaxSeq},
		{Run: math.MaxUint32, Worker: math.MaxUint16, Seq: math.MaxUint64},
	}
	for range 20_000 {
		ids = append(ids, requestid.ID{
			Run: random.Uint32(), Worker: uint16(random.Uint32()),
			Seq: random.Uint64() >> random.IntN(64),
		})
	}
	for _, id := range ids {
		text := s.Traceparent(id)
		m := traceparent.FindStringSubmatch(text)
		if m == nil || m[1] == noTrace || m[2] == noSpan {
			t.Fatalf("%+v has the traceparent %q, which is not valid", id, text)
		}
		trace, span := id.TraceID(), id.SpanID()
		if m[1] != hex.EncodeToString(trace[:]) || m[2] != hex.EncodeToString(span[:]) {
			t.Fatalf("%+v has the traceparent %q, and is exported as %x of %x", id, text, span, trace)
		}
		if (m[3] == "01") != s.Sampled(id) {
			t.Fatalf("%+v has the traceparent %q; Sampled: %v", id, text, s.Sampled(id))
		}
		var put [requestid.TraceparentLen]byte
		if s.PutTraceparent(&put, id); string(put[:]) != text {
			t.Fatalf("%+v: PutTraceparent wrote %q, Traceparent %q", id, put, text)
		}
	}
}

// Two calls of a run share neither trace nor span; nor do two runs share a trace.
func TestTracesAreUnique(t *testing.T) {
	traces, spans := map[[16]byte]requestid.ID{}, map[[8]byte]requestid.ID{}
	for _, run := range []uint32{0, 1, 0xdeadbeef} {
		clear(spans) // they name a span within a trace
		for worker := range 50 {
			for seq := range 500 {
				id := requestid.ID{Run: run, Worker: uint16(worker), Seq: uint64(seq)}
				if other, ok := traces[id.TraceID()]; ok {
					t.Fatalf("%v and %v are both trace %x", id, other, id.TraceID())
				}
				if other, ok := spans[id.SpanID()]; ok {
					t.Fatalf("%v and %v are both span %x", id, other, id.SpanID())
				}
				traces[id.TraceID()], spans[id.SpanID()] = id, id
			}
		}
	}
}

// calls are ids as a run makes them: numbers in a row, dealt out to workers.
func calls(run uint32, n, workers int, yield func(requestid.ID)) {
	for seq := range n {
		yield(requestid.ID{Run: run, Worker: uint16(seq % workers), Seq: uint64(seq)})
	}
}

func TestSampledShare(t *testing.T) {
	for _, ratio := range []float64{0.001, 0.01, 0.1, 1.0 / 3, 0.5, 0.9, 0.999} {
		for _, tt := range []struct {
			reason  string
			run     uint32
			workers int
		}{
			{"one worker, so that numbers are neighbours", 1, 1},
			{"workers that are a power of two, as are many hashes' periods", 0xdeadbeef, 64},
			{"the default", 0x80000000, 50},
			{"a run of zeros", 0, 50},
		} {
			const n = 50_000
			s := requestid.NewSampler(ratio)
			got := 0
			calls(tt.run, n, tt.workers, func(id requestid.ID) {
				if s.Sampled(id) {
					got++
				}
			})
			// Five standard deviations: of all these rows one in a hundred thousand would fail by chance, and the ids
			// are fixed.
			if want, sd := n*ratio, math.Sqrt(n*ratio*(1-ratio)); math.Abs(float64(got)-want) > 5*sd {
				t.Errorf("ratio %v, %s: %d of %d calls are sampled, want %.0f ± %.0f", ratio, tt.reason, got, n, want,
					5*sd)
			}
		}
	}
}

// No worker, and no time of a run, is left out or preferred.
func TestSampledIsSpread(t *testing.T) {
	const n, workers, ratio = 200_000, 50, 0.1
	s := requestid.NewSampler(ratio)
	byWorker, byTime := make([]float64, workers), make([]float64, 100)
	calls(0x0badcafe, n, workers, func(id requestid.ID) {
		if s.Sampled(id) {
			byWorker[id.Worker]++
			byTime[id.Seq*100/n]++
		}
	})
	for _, tt := range []struct {
		name string
		of   []float64
	}{{"worker", byWorker}, {"hundredth of the run", byTime}} {
		each := float64(n / len(tt.of))
		want, sd := each*ratio, math.Sqrt(each*ratio*(1-ratio))
		if low, high := slices.Min(tt.of), slices.Max(tt.of); low < want-5*sd || high > want+5*sd {
			t.Errorf("per %s, %v to %v calls are sampled, want %.0f ± %.0f", tt.name, low, high, want, 5*sd)
		}
	}
}

// The ends are exact, and what lies outside is as the end next to it.
func TestSampledAllOrNone(t *testing.T) {
	for _, tt := range []struct {
		ratio float64
		want  bool
	}{{0, false}, {-1, false}, {math.Inf(-1), false}, {1, true}, {2, true}, {math.Inf(1), true}} {
		s := requestid.NewSampler(tt.ratio)
		calls(0xdeadbeef, 20_000, 50, func(id requestid.ID) {
			if s.Sampled(id) != tt.want {
				t.Fatalf("ratio %v: %v sampled: %v", tt.ratio, id, !tt.want)
			}
		})
	}
}

// The client's span and the server's flag are decided apart, by the same rule; and a higher ratio keeps what a lower
// one did.
func TestSampledIsDeterministic(t *testing.T) {
	low, again, high := requestid.NewSampler(0.1), requestid.NewSampler(0.1), requestid.NewSampler(0.2)
	one, other := 0, 0
	calls(0xdeadbeef, 50_000, 50, func(id requestid.ID) {
		if low.Sampled(id) != again.Sampled(id) {
			t.Fatalf("%v is sampled by one of two samplers alike", id)
		}
		if low.Sampled(id) && !high.Sampled(id) {
			t.Fatalf("%v is sampled at 0.1 and not at 0.2", id)
		}
		if low.Sampled(id) {
			one++
			id.Run++
			if low.Sampled(id) {
				other++
			}
		}
	})
	if float64(other) > 0.15*float64(one) {
		t.Errorf("of %d calls sampled in one run, %d are so in the next too: want about a tenth", one, other)
	}
}

// A sampler is shared by all workers.
func TestSamplerConcurrently(t *testing.T) {
	s := requestid.NewSampler(0.5)
	want := s.Traceparent(requestid.ID{Run: 1, Seq: 7})
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 1000 {
				if got := s.Traceparent(requestid.ID{Run: 1, Seq: 7}); got != want {
					t.Errorf("Traceparent: %q, then %q", want, got)
					return
				}
			}
		})
	}
	wait.Wait()
}

func TestPutTraceparentAllocatesNothing(t *testing.T) {
	s := requestid.NewSampler(0.5)
	id := requestid.ID{Run: 0xdeadbeef, Worker: 1}
	var b [requestid.TraceparentLen]byte
	if n := testing.AllocsPerRun(1000, func() { id.Seq++; s.PutTraceparent(&b, id) }); n != 0 {
		t.Errorf("PutTraceparent: %v allocations, want none", n)
	}
}

func ExampleSampler() {
	s := requestid.NewSampler(1)
	fmt.Println(s.Traceparent(requestid.ID{Run: 0xdeadbeef, Worker: 3, Seq: 255}))
	// Output:
	// 00-deadbeef000000000003000000000100-0003000000000100-01
}
