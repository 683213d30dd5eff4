package recorder_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"

	"grpcbench/loadgen/recorder"
	"grpcbench/loadgen/series"
)

// samePart compares all that two parts hold.
func samePart(t *testing.T, got, want *recorder.Part) {
	t.Helper()
	sameLatencies := func(name any, g, w *recorder.Latencies) {
		t.Helper()
		if (w == nil || w.Count() == 0) != (g == nil || g.Count() == 0) {
			t.Errorf("%v: exists %v, want %v", name, g != nil, w != nil)
			return
		}
		if w == nil || w.Count() == 0 {
			return
		}
		if diff := cmp.Diff(buckets(w.Histogram), buckets(g.Histogram)); diff != "" {
			t.Errorf("%v, buckets (-want +got):\n%s", name, diff)
		}
		if g.CensoredCount() != w.CensoredCount() || w.Censored != nil && g.Censored != nil &&
			!cmp.Equal(buckets(w.Censored), buckets(g.Censored)) {
			t.Errorf("%v: %d lower bounds, want %d", name, g.CensoredCount(), w.CensoredCount())
		}
		if g.Sum != w.Sum || g.Min != w.Min || g.Max != w.Max {
			t.Errorf("%v: sum %d, %d to %d, want %d, %d to %d", name, g.Sum, g.Min, g.Max, w.Sum, w.Min, w.Max)
		}
	}
	if diff := cmp.Diff([]any{want.Counts, want.Codes, want.Before, want.Held},
		[]any{got.Counts, got.Codes, got.Before, got.Held}); diff != "" {
		t.Errorf("counts, codes, before, held (-want +got):\n%s", diff)
	}
	for s := range series.Count {
		sameLatencies(s, got.Latencies[s], want.Latencies[s])
	}
	for code := range want.ByCode {
		sameLatencies(codes.Code(code), got.ByCode[code], want.ByCode[code])
	}
	if diff := cmp.Diff(want.Exemplars(math.MaxInt, 0), got.Exemplars(math.MaxInt, 0)); diff != "" {
		t.Errorf("exemplars (-want +got):\n%s", diff)
	}
}

func sameSnapshot(t *testing.T, got, want *recorder.Snapshot) {
	t.Helper()
	samePart(t, &got.Part, &want.Part)
	if len(got.Steps) != len(want.Steps) || len(got.Flows) != len(want.Flows) || len(got.Workers) != len(want.Workers) {
		t.Fatalf("%d steps, %d flows, %d workers, want %d, %d, %d", len(got.Steps), len(got.Flows), len(got.Workers),
			len(want.Steps), len(want.Flows), len(want.Workers))
	}
	for i := range want.Steps {
		samePart(t, got.Steps[i], want.Steps[i])
	}
	for i := range want.Flows {
		if want.Flows[i] != nil {
			samePart(t, got.Flows[i], want.Flows[i])
		}
	}
	for w, h := range want.Workers {
		if diff := cmp.Diff(buckets(h), buckets(got.Workers[w])); diff != "" {
			t.Errorf("worker %d (-want +got):\n%s", w, diff)
		}
	}
	if got.Waiting != want.Waiting || got.Oldest != want.Oldest {
		t.Errorf("%d waiting, oldest %d; want %d, %d", got.Waiting, got.Oldest, want.Waiting, want.Oldest)
	}
}

// feed records random calls: every n-th of them, from the k-th, over some flushes.
func feed(t *testing.T, r *recorder.Recorder, cfg recorder.Config, seed uint64, calls, k, n int) {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 0))
	lanes := []*recorder.Lane{r.NewLane(), r.NewLane()}
	for i := range calls {
		c := randomCall(random, uint16(i%7), uint64(i))
		c.Step = random.IntN(max(1, len(cfg.Steps)))
		c.Held = random.Int64N(100)
		c.LoadReport = func() string { return "report" }
		message, flow, lost := random.Int64N(1e6), random.IntN(3), random.IntN(10)
		if i%n == k {
			l := lanes[i/n%2]
			l.Due(c.Step)
			if lost == 0 {
				l.NeverSent(c.Step, message)
				l.FlowNeverSent(flow, message)
			} else {
				l.Call(&c)
				l.Flow(flow, &c)
			}
			l.FlowDue(flow)
			l.Message(c.Step, series.FirstMessage, message)
		}
		if i%1000 == 999 || i == calls-1 {
			for _, l := range lanes {
				l.Swap(int64(2/n), 0)
				r.Add(l)
			}
			if err := r.Flush(int64(i), int64(i)+1); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// What several processes recorded, each a part of the calls, and sent in encoded form second by second, is to the last
// count what one would have recorded of all.
func TestEncodedSnapshotsMergeExactly(t *testing.T) {
	some := []series.Series{series.FirstMessage}
	for seed := range uint64(6) {
		cfg := recorder.Config{
			OpenLoop: seed%2 == 0, PerWorker: seed%3 == 0, LateAfter: 25_000, Timeout: 300_000,
			Messages: some,
		}
		if seed >= 2 {
			cfg.Steps, cfg.Flows = [][]series.Series{some, some, some}, []bool{false, true, true}
		}
		one, merged := recorder.New(cfg), recorder.New(cfg)
		feed(t, one, cfg, seed, 5000, 0, 1)
		const parts = 2
		var wholes [parts]recorder.Snapshot
		for k := range parts {
			each := cfg
			each.Sink = func(s *recorder.Snapshot) error {
				text, err := json.Marshal(s)
				if err != nil {
					return err
				}
				var back recorder.Snapshot
				if err := json.Unmarshal(text, &back); err != nil {
					return err
				}
				sameSnapshot(t, &back, s)
				return merged.Merge(&back)
			}
			r := recorder.New(each)
			feed(t, r, cfg, seed, 5000, k, parts)
			text, err := json.Marshal(r.Total())
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(text, &wholes[k]); err != nil {
				t.Fatal(err)
			}
		}
		if err := merged.Flush(0, 1); err != nil {
			t.Fatal(err)
		}
		merged.Total().Waiting, one.Total().Waiting = 0, 0 // as it is at the end of each span: these have others
		sameSnapshot(t, merged.Total(), one.Total())
		// The runs' totals, merged at their end, are the same too.
		if err := wholes[0].Merge(&wholes[1]); err != nil {
			t.Fatal(err)
		}
		wholes[0].Waiting = 0
		sameSnapshot(t, &wholes[0], one.Total())
		if n := one.Total().Counts; n.OK == 0 || n.Failed == 0 || n.Unfinished == 0 || n.NeverSent == 0 {
			t.Errorf("the calls are not of all sorts: %+v", n)
		}
	}
}

// Snapshots of other steps or flows are of another run.
func TestMergeRefusesOthers(t *testing.T) {
	some := []series.Series{series.FirstMessage}
	two := recorder.Config{Steps: [][]series.Series{some, some}, Flows: []bool{true}}
	for _, tt := range []struct {
		reason string
		other  recorder.Config
	}{
		{"one step", recorder.Config{}},
		{"three steps", recorder.Config{Steps: [][]series.Series{some, some, some}, Flows: []bool{true}}},
		{"two flows", recorder.Config{Steps: two.Steps, Flows: []bool{true, false}}},
		{"the flow is of one step", recorder.Config{Steps: two.Steps, Flows: []bool{false}}},
	} {
		if err := recorder.New(two).Merge(recorder.New(tt.other).Total()); err == nil {
			t.Errorf("%s: it was merged", tt.reason)
		}
	}
}

// Whatever comes in instead of a snapshot is refused or is one, which can be merged and written again.
func FuzzSnapshot(f *testing.F) {
	some := []series.Series{series.FirstMessage}
	for _, cfg := range []recorder.Config{
		{OpenLoop: true},
		{PerWorker: true, Steps: [][]series.Series{some, some}, Flows: []bool{true, false}},
	} {
		r := recorder.New(cfg)
		l := r.NewLane()
		for i := range 20 {
			c := randomCall(rand.New(rand.NewPCG(uint64(i), 0)), 1, uint64(i))
			l.Call(&c)
		}
		l.Swap(0, 0)
		r.Add(l)
		if err := r.Flush(0, 1); err != nil {
			f.Fatal(err)
		}
		text, err := json.Marshal(r.Total())
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var s, again recorder.Snapshot
		if json.Unmarshal(data, &s) != nil {
			return
		}
		text, err := json.Marshal(&s)
		if err != nil {
			t.Fatalf("it cannot be written: %v", err)
		}
		if err := json.Unmarshal(text, &again); err != nil {
			t.Fatalf("what was written is not read: %v", err)
		}
		_ = s.Merge(&again) // or refuses
	})
}
