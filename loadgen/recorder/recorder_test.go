package recorder_test

import (
	"errors"
	"maps"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"

	"grpcbench/loadgen/recorder"
	"grpcbench/loadgen/series"
)

// flush takes what the lanes recorded into the total.
func flush(t *testing.T, r *recorder.Recorder, start, end int64, lanes ...*recorder.Lane) {
	t.Helper()
	for _, s := range lanes {
		s.Swap(0, 0)
		r.Add(s)
	}
	if err := r.Flush(start, end); err != nil {
		t.Fatal(err)
	}
}

// take is what a lane recorded since it was last taken from, alone.
func take(r *recorder.Recorder, s *recorder.Lane) *recorder.Snapshot {
	s.Swap(0, 0)
	alone := recorder.Like(r)
	alone.Add(s)
	_ = alone.Flush(0, 0)
	return alone.Total()
}

// buckets are a histogram's values with their counts.
func buckets(h *hdrhistogram.PackedHistogram) map[int64]int64 { return maps.Collect(h.ForEachBucket) }

// sameInterval compares all that two intervals hold, the histograms bucket by bucket.
func sameInterval(t *testing.T, got, want *recorder.Snapshot) {
	t.Helper()
	if diff := cmp.Diff(want.Counts, got.Counts); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want.Codes, got.Codes); diff != "" {
		t.Errorf("codes (-want +got):\n%s", diff)
	}
	for s, w := range want.Latencies {
		g := got.Latencies[s]
		if (w == nil) != (g == nil) {
			t.Errorf("%v: exists %v, want %v", series.Series(s), g != nil, w != nil)
		} else if w != nil {
			if diff := cmp.Diff(buckets(w.Histogram), buckets(g.Histogram)); diff != "" {
				t.Errorf("%v, buckets (-want +got):\n%s", series.Series(s), diff)
			}
			if g.Sum != w.Sum || g.Min != w.Min || g.Max != w.Max || g.Count() != w.Count() {
				t.Errorf("%v: count %d, sum %d, %d to %d, want %d, %d, %d to %d",
					series.Series(s), g.Count(), g.Sum, g.Min, g.Max, w.Count(), w.Sum, w.Min, w.Max)
			}
		}
	}
}

// randomCall is a call like many, and now and then one that fails or is cut off.
func randomCall(random *rand.Rand, worker uint16, seq uint64) recorder.Sample {
	intended := int64(1e9) + int64(seq)*1000
	sent := intended + random.Int64N(50_000)
	c := recorder.Sample{
		Worker: worker, Seq: seq, Intended: intended, Sent: sent,
		Done:         sent + int64(100_000*math.Exp(random.NormFloat64())),
		MessagesSent: 1, MessagesReceived: 2, BytesSent: 30, BytesReceived: 40,
	}
	switch random.IntN(20) {
	case 0:
		c.Code, c.Message = codes.Unavailable, "gone"
	case 1:
		c.Code = codes.DeadlineExceeded
	case 2:
		c.Unfinished = true
	}
	return c
}

// HD-2: eight workers, each with a lane of its own, make what one recorder makes of all their calls.
func TestLanesMergeExactly(t *testing.T) {
	const workers, calls = 8, 5000
	cfg := recorder.Config{
		OpenLoop: true, PerWorker: true, LateAfter: 25_000,
		Messages: []series.Series{series.FirstMessage},
	}
	many, one := recorder.New(cfg), recorder.New(cfg)
	var group sync.WaitGroup
	var mu sync.Mutex // the recorder's methods are not for concurrent use
	lanes := make([]*recorder.Lane, workers)
	for w := range lanes {
		lanes[w] = many.NewLane()
	}
	for w, lane := range lanes {
		group.Go(func() {
			random := rand.New(rand.NewPCG(uint64(w), 1))
			for i := range calls {
				c := randomCall(random, uint16(w), uint64(i*workers+w))
				lane.Due(0)
				lane.Call(&c)
				lane.Message(0, series.FirstMessage, c.Done-c.Sent)
				if i%1700 == 1699 || i == calls-1 { // as the engine does once a second
					mu.Lock()
					lane.Swap(0, 0)
					many.Add(lane)
					if err := many.Flush(1, 2); err != nil {
						t.Error(err)
					}
					mu.Unlock()
				}
			}
		})
	}
	group.Wait()
	single := one.NewLane()
	for w := range workers {
		random := rand.New(rand.NewPCG(uint64(w), 1))
		for i := range calls {
			c := randomCall(random, uint16(w), uint64(i*workers+w))
			single.Due(0)
			single.Call(&c)
			single.Message(0, series.FirstMessage, c.Done-c.Sent)
		}
	}
	flush(t, one, 1, 2, single)
	sameInterval(t, many.Total(), one.Total())
	if n := one.Total().Counts; n.OK == 0 || n.Failed == 0 || n.Unfinished == 0 || n.Late == 0 {
		t.Errorf("the calls are not of all sorts: %+v", n)
	}
	for code, want := range one.Total().ByCode {
		if want == nil {
			continue
		}
		if diff := cmp.Diff(buckets(want.Histogram), buckets(many.Total().ByCode[code].Histogram)); diff != "" {
			t.Errorf("%v (-want +got):\n%s", codes.Code(code), diff)
		}
	}
	for w, want := range one.Total().Workers {
		if got := many.Total().Workers[w]; got.TotalCount() != want.TotalCount() || got.Max() != want.Max() {
			t.Errorf("worker %d has %d calls, the longest %d, want %d, %d", w, got.TotalCount(), got.Max(),
				want.TotalCount(), want.Max())
		}
	}
}

// The sink sees each span by itself, the total all of them.
func TestFlush(t *testing.T) {
	type seen struct{ start, end, ok, count, sum int64 }
	var spans []seen
	r := recorder.New(recorder.Config{Sink: func(iv *recorder.Snapshot) error {
		h := iv.Headline()
		spans = append(spans, seen{iv.Start, iv.End, iv.Counts.OK, h.Count(), h.Sum})
		return nil
	}})
	s := r.NewLane()
	for span := range int64(3) {
		for i := range span + 1 {
			s.Call(&recorder.Sample{Sent: 0, Done: 100 + i})
		}
		flush(t, r, 1000+span, 1001+span, s)
	}
	flush(t, r, 1003, 1004, s) // nothing happened
	want := []seen{{1000, 1001, 1, 1, 100}, {1001, 1002, 2, 2, 201}, {1002, 1003, 3, 3, 303}, {1003, 1004, 0, 0, 0}}
	if diff := cmp.Diff(want, spans, cmp.AllowUnexported(seen{})); diff != "" {
		t.Errorf("the sink saw (-want +got):\n%s", diff)
	}
	total := r.Total()
	if total.Start != 1000 || total.End != 1004 || total.Counts.OK != 6 || total.Headline().Count() != 6 {
		t.Errorf("the total is %d to %d, %d ok, %d latencies, want 1000 to 1004, 6 and 6", total.Start, total.End,
			total.Counts.OK, total.Headline().Count())
	}
}

// A clock may begin at 0: then the run does.
func TestTotalStartsWithTheFirstSpan(t *testing.T) {
	r := recorder.New(recorder.Config{})
	for second := range int64(3) {
		flush(t, r, second*1e9, (second+1)*1e9)
	}
	if total := r.Total(); total.Start != 0 || total.End != 3e9 {
		t.Errorf("the total is from %d to %d, want 0 to 3e9", total.Start, total.End)
	}
}

// A log that cannot be written loses no count.
func TestFlushTellsTheSinksError(t *testing.T) {
	full := errors.New("no space left on device")
	r := recorder.New(recorder.Config{Sink: func(*recorder.Snapshot) error { return full }})
	s := r.NewLane()
	s.Call(&recorder.Sample{Done: 5})
	s.Swap(0, 0)
	r.Add(s)
	if err := r.Flush(1, 2); !errors.Is(err, full) {
		t.Errorf("Flush = %v, want the sink's error", err)
	}
	if n := r.Total().Counts.OK; n != 1 {
		t.Errorf("the total has %d calls, want 1", n)
	}
}

// The headline is what a user waited for; a closed loop knows no more than the service.
func TestHeadline(t *testing.T) {
	for _, open := range []bool{false, true} {
		r := recorder.New(recorder.Config{OpenLoop: open})
		s := r.NewLane()
		s.Call(&recorder.Sample{Intended: 100, Sent: 130, Done: 200})
		flush(t, r, 1, 2, s)
		want := int64(70)
		if open {
			want = 100
		}
		if got := r.Total().Headline(); got.Count() != 1 || got.Max != want {
			t.Errorf("open loop %v: %d values, the largest %d, want one of %d", open, got.Count(), got.Max, want)
		}
	}
}

func TestSeriesNames(t *testing.T) {
	seen := map[string]bool{}
	for s := range recorder.New(recorder.Config{}).Total().Latencies {
		name := series.Series(s).String()
		if name == "" || seen[name] {
			t.Errorf("series %d is called %q", s, name)
		}
		seen[name] = true
	}
	for _, name := range []string{"response", "service", "lag", "first_message", "message_rtt"} {
		if !seen[name] {
			t.Errorf("no series is called %s", name)
		}
	}
}

// A call of which nobody heard again has a response time too: one of which nothing is known.
func TestLostCallsAreBounds(t *testing.T) {
	r := recorder.New(recorder.Config{OpenLoop: true})
	lane := r.NewLane()
	lane.Due(0)
	lane.Lost(0)
	lane.Swap(0, 0)
	r.Add(lane)
	if err := r.Flush(0, int64(time.Second)); err != nil {
		t.Fatal(err)
	}
	total := r.Total()
	if c := total.Counts; c.Due != 1 || c.Sent != 1 || c.Unfinished != 1 {
		t.Errorf("one call was begun and lost: %+v", c)
	}
	if l := total.Headline(); l.Count() != 1 || l.CensoredCount() != 1 {
		t.Errorf("%d response times, %d of them bounds, want one of each", l.Count(), l.CensoredCount())
	}
}
