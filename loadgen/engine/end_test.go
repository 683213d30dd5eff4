package engine_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"

	"grpcbench/loadgen/engine"
	"grpcbench/loadgen/recorder"
	"grpcbench/loadgen/transport"
)

// Some calls end within the drain and some do not: each is told as what it is.
func TestDrainTellsTheOnesFromTheOthers(t *testing.T) {
	bubble(t, "mixed", func(t *testing.T) {
		f := &fake{behave: func(c *transport.Call) behaviour {
			switch c.Worker % 4 {
			case 0:
				return behaviour{takes: 1300 * ms} // ends within the drain
			case 1:
				return behaviour{takes: 1300 * ms, code: codes.Internal}
			case 2:
				return behaviour{takes: forever}
			default:
				return behaviour{takes: 400 * ms} // 0 400 800 | ends at 1200
			}
		}}
		o := run(t.Context(), t, engine.Config{Workers: 8, Conns: 4, Duration: time.Second, Drain: time.Second}, f)
		if diff := cmp.Diff(counts{Due: 12, OK: 8, Failed: 2, Unfinished: 2}, o.counts()); diff != "" || o.err != nil {
			t.Errorf("Run: %v; counts (-want +got):\n%s", o.err, diff)
		}
		if n := o.total.Codes[codes.Canceled]; n != 0 {
			t.Errorf("%d calls that were cut off count as CANCELLED", n)
		}
	})
}

// An interrupted run is a run: it stops starting, drains, and returns nil.
func TestInterrupt(t *testing.T) {
	for _, tt := range []struct {
		reason string
		at     time.Duration
		cfg    engine.Config
		behave behaviour
		want   counts
		end    time.Duration // of the window
		took   time.Duration
	}{
		{
			reason: "calls in flight end well", at: 550 * ms,
			cfg:    engine.Config{Workers: 2, Conns: 1, Duration: time.Hour, Drain: 5 * time.Second},
			behave: behaviour{takes: 100 * ms}, want: counts{Due: 12, OK: 12}, end: 600 * ms, took: 600 * ms,
		},
		{
			reason: "calls in flight do not end", at: 500 * ms,
			cfg:    engine.Config{Workers: 2, Conns: 1, Duration: time.Hour, Drain: 2 * time.Second},
			behave: behaviour{takes: forever}, want: counts{Due: 2, Unfinished: 2}, end: 500 * ms, took: 2500 * ms,
		},
		{
			reason: "a run of -n calls", at: 250 * ms,
			cfg:    engine.Config{Workers: 1, Conns: 1, Total: 1000, Drain: time.Second},
			behave: behaviour{takes: 100 * ms}, want: counts{Due: 3, OK: 3}, end: 300 * ms, took: 300 * ms,
		},
		{
			reason: "in the warm-up nothing was measured", at: 250 * ms,
			cfg:    engine.Config{Workers: 2, Conns: 1, Warmup: time.Second, Duration: time.Second, Drain: time.Second},
			behave: behaviour{takes: 100 * ms}, want: counts{Warmup: 6}, took: 300 * ms,
		},
		{
			reason: "in the warm-up, with calls that go on into the window", at: 900 * ms,
			cfg:    engine.Config{Workers: 2, Conns: 1, Warmup: time.Second, Duration: time.Second, Drain: time.Second},
			behave: behaviour{takes: 700 * ms}, // 0 700 | ends at 1400
			want:   counts{Warmup: 4}, took: 1400 * ms,
		},
	} {
		bubble(t, tt.reason, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), tt.at)
			defer cancel()
			measured := 0
			tt.cfg.Measuring = func() error { measured++; return nil }
			o := run(ctx, t, tt.cfg, &fake{behave: all(tt.behave)})
			if o.err != nil {
				t.Errorf("Run: %v", o.err)
			}
			if diff := cmp.Diff(tt.want, o.counts()); diff != "" {
				t.Errorf("counts (-want +got):\n%s", diff)
			}
			if end := time.Duration(o.End - o.Start); end < tt.end || end > tt.end+look || o.took < tt.took ||
				o.took > tt.took+look {
				t.Errorf("the window was %v long and the run %v, want %v and %v", end, o.took, tt.end, tt.took)
			}
			if (measured == 1) != (tt.want.Due > 0) {
				t.Errorf("Measuring was called %d times", measured)
			}
		})
	}
}

// The window has its own begin, which others may mark too; where they cannot, there is no run.
func TestMeasuring(t *testing.T) {
	bubble(t, "is called at the begin", func(t *testing.T) {
		var at []int64
		cfg := engine.Config{Workers: 2, Conns: 1, Warmup: time.Second, Duration: time.Second, Drain: time.Second}
		cfg.Measuring = func() error { at = append(at, transport.Now()); return nil }
		o := run(t.Context(), t, cfg, &fake{behave: all(behaviour{takes: 100 * ms})})
		if len(at) != 1 || at[0] != o.Start {
			t.Errorf("Measuring was called at %v, want once at %v", at, o.Start)
		}
	})
	bubble(t, "fails", func(t *testing.T) {
		cfg := engine.Config{
			Workers: 2, Conns: 1, Duration: time.Hour, Drain: time.Second,
			Measuring: func() error { return errTest },
		}
		o := run(t.Context(), t, cfg, &fake{behave: all(behaviour{takes: 100 * ms})})
		if !errors.Is(o.err, errTest) || o.took > time.Second {
			t.Errorf("Run: %v after %v, want Measuring's error at once", o.err, o.took)
		}
	})
}

// Each second of the window reaches the sink when it is over.
func TestIntervals(t *testing.T) {
	bubble(t, "one a second", func(t *testing.T) {
		var began int64
		var at []time.Duration
		rec := recorder.New(recorder.Config{Sink: func(iv *recorder.Snapshot) error {
			began = iv.Start - int64(len(at))*int64(time.Second)
			at = append(at, time.Duration(transport.Now()-began))
			if n := iv.Counts.OK; len(at) <= 3 && (n < 30 || n > 33) { // 10.5 a second of each worker
				t.Errorf("interval %d has %d calls", len(at), n)
			}
			return nil
		}})
		cfg := engine.Config{
			Methods: some, Workers: 3, Conns: 2, Warmup: time.Second, Duration: 3500 * ms,
			Drain: time.Second,
		}
		cfg.Dialer, cfg.Addrs, cfg.Sleep = &fake{behave: all(behaviour{takes: 95 * ms})}, []string{"a"}, sleep
		if _, err := engine.Run(t.Context(), cfg, rec); err != nil {
			t.Errorf("Run: %v", err)
		}
		if len(at) != 4 {
			t.Fatalf("%d intervals of a window of 3.5s: %v", len(at), at)
		}
		for i, d := range at[:3] {
			if d != time.Duration(i+1)*time.Second {
				t.Errorf("interval %d came %v after the window's begin", i, d)
			}
		}
	})
}

// An interval with neither time nor calls in it is no point of a run's course.
func TestNoEmptyInterval(t *testing.T) {
	bubble(t, "interrupted in the warm-up", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 500*ms)
		defer cancel()
		cfg := engine.Config{Workers: 1, Conns: 1, Warmup: time.Second, Duration: time.Second, Drain: time.Second}
		o := run(ctx, t, cfg, &fake{behave: all(behaviour{takes: 100 * ms})})
		if len(o.intervals) > 0 {
			t.Errorf("the sink got %d intervals of a window that did not begin: %+v", len(o.intervals), o.intervals)
		}
	})
}

// A sink that fails spoils nothing: what was measured is still worth having.
func TestSinkErrorIsTold(t *testing.T) {
	bubble(t, "and the run goes on", func(t *testing.T) {
		rec := recorder.New(recorder.Config{Sink: func(iv *recorder.Snapshot) error { return errTest }})
		cfg := engine.Config{Methods: some, Workers: 2, Conns: 1, Duration: 3 * time.Second, Drain: time.Second}
		cfg.Dialer, cfg.Addrs, cfg.Sleep = &fake{behave: all(behaviour{takes: 100 * ms})}, []string{"a"}, sleep
		o, err := engine.Run(t.Context(), cfg, rec)
		if !errors.Is(err, errTest) {
			t.Errorf("Run: %v, want the sink's error", err)
		}
		if c := rec.Total().Counts; c.OK != 60 || o.End-o.Start != int64(3*time.Second) {
			t.Errorf("%d calls in %v, want the whole run", c.OK, time.Duration(o.End-o.Start))
		}
	})
}
