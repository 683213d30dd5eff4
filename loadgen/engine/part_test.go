package engine_test

import (
	"context"
	"errors"
	"maps"
	"testing"
	"time"

	"grpcbench/loadgen/engine"
	"grpcbench/loadgen/recorder"
	"grpcbench/loadgen/schedule"
	"grpcbench/loadgen/series"
	"grpcbench/loadgen/transport"
)

// arrival is what a flow's first call was started for.
type arrival struct {
	seq uint64
	at  time.Duration // since the window's start
}

// What several processes start together is what one would: the same numbers, at the same times, with the same flows, in
// the warm-up and after it.
func TestPartsAreOneRun(t *testing.T) {
	const parts = 3
	for _, tt := range []struct {
		reason string
		cfg    func() engine.Config
	}{
		{"Poisson, for a time", func() engine.Config {
			return engine.Config{
				Arrivals:       schedule.Poisson(schedule.PerSecond(100), 2*time.Second, 7),
				WarmupArrivals: schedule.Uniform(schedule.PerSecond(100), 110*ms), Warmup: 110 * ms,
				Duration: 2 * time.Second,
			}
		}},
		{"so many calls", func() engine.Config {
			return engine.Config{
				Arrivals: schedule.Uniform(schedule.PerSecond(50), time.Hour), Total: 100,
				Least: 2 * time.Second,
			}
		}},
	} {
		of := func(index, parts uint64) map[arrival]int {
			found := map[arrival]int{}
			bubble(t, tt.reason, func(t *testing.T) {
				var h heard
				cfg := tt.cfg()
				cfg.Workers, cfg.Conns, cfg.Drain, cfg.Ended, cfg.Seed = 20, 2, time.Second, h.ended, 3
				cfg.Part, cfg.FirstWorker = engine.Part{Index: index, Of: parts}, 20*int(index) //nolint:gosec // few
				cfg.Flows = []engine.Flow{
					{Weight: 1, Steps: []engine.Step{{}}},
					{Weight: 2, Steps: []engine.Step{{Method: 1}}},
				}
				cfg.Methods = append(append([]*transport.Method{}, some...), some...)
				o := runWith(t.Context(), t, recorder.Config{OpenLoop: true, Steps: make([][]series.Series, 2)}, cfg,
					&fake{behave: all(behaviour{takes: ms})})
				if o.err != nil {
					t.Fatal(o.err)
				}
				for _, c := range h.calls {
					if int(c.Worker)/20 != int(index) { //nolint:gosec // few
						t.Errorf("part %d has a worker %d", index, c.Worker)
					}
					found[arrival{c.Seq, time.Duration(c.Intended - o.Start)}] = c.Method
				}
			})
			return found
		}
		want, got := of(0, 1), map[arrival]int{}
		for i := range uint64(parts) {
			maps.Copy(got, of(i, parts))
		}
		if !maps.Equal(want, got) {
			t.Errorf("%s: one process starts %d calls, %d parts %d, or others", tt.reason, len(want), parts, len(got))
		}
	}
}

// A closed loop's parts share out its total, and use no number twice.
func TestPartsOfAClosedLoop(t *testing.T) {
	seen := map[uint64]bool{}
	for i := range uint64(3) {
		bubble(t, "a part", func(t *testing.T) {
			var h heard
			o := run(t.Context(), t, engine.Config{
				Workers: 2, Conns: 1, Total: 100, Drain: time.Second,
				Ended: h.ended, Part: engine.Part{Index: i, Of: 3},
			}, &fake{behave: all(behaviour{takes: ms})})
			if o.err != nil {
				t.Fatal(o.err)
			}
			for _, c := range h.calls {
				if seen[c.Seq] {
					t.Errorf("the number %d is used twice", c.Seq)
				}
				seen[c.Seq] = true
			}
		})
	}
	if len(seen) != 100 {
		t.Errorf("%d calls in all, want 100", len(seen))
	}
}

// A run begins when it is told to, its connections open; or not at all.
func TestBegin(t *testing.T) {
	bubble(t, "at a time", func(t *testing.T) {
		f := &fake{behave: all(behaviour{takes: ms})}
		asked := int64(0)
		o := run(t.Context(), t, engine.Config{
			Workers: 2, Conns: 2, Total: 10, Drain: time.Second,
			Begin: func(context.Context) (int64, error) {
				if f.dialed != 2 {
					t.Errorf("%d connections are open, want 2", f.dialed)
				}
				asked = transport.Now()
				return asked + int64(3*time.Second), nil
			},
		}, f)
		if o.err != nil || o.Start != asked+int64(3*time.Second) {
			t.Errorf("it began %v after it was asked (%v), want 3 s", time.Duration(o.Start-asked), o.err)
		}
	})
	bubble(t, "refused", func(t *testing.T) {
		f := &fake{behave: all(behaviour{takes: ms})}
		o := run(t.Context(), t, engine.Config{
			Workers: 2, Conns: 2, Total: 10,
			Begin: func(context.Context) (int64, error) { return 0, errTest },
		}, f)
		if !errors.Is(o.err, errTest) || f.done > 0 {
			t.Errorf("%d calls were made, and the run says %v", f.done, o.err)
		}
	})
}
