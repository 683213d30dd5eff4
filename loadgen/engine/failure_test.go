package engine_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"

	"grpcbench/loadgen/engine"
	"grpcbench/loadgen/transport"
)

// One connection that cannot be made ends the run before it begins; the others are closed, which check holds.
func TestDialError(t *testing.T) {
	for _, failing := range []int{0, 3, 9} {
		bubble(t, fmt.Sprint("of connection ", failing), func(t *testing.T) {
			var waiting atomic.Int32
			f := &fake{
				behave: all(behaviour{takes: 100 * ms}),
				dialing: func(ctx context.Context, n int) error {
					switch {
					case n == failing:
						time.Sleep(50 * ms)
						return errTest
					case n%2 == 0:
						return nil
					}
					waiting.Add(1)
					<-ctx.Done() // would wait for its own timeout
					return ctx.Err()
				},
			}
			o := run(t.Context(), t, engine.Config{Workers: 10, Conns: 10, Duration: time.Hour}, f)
			if !errors.Is(o.err, errTest) || errors.Is(o.err, context.Canceled) {
				t.Errorf("Run: %v, want the error of the connection that failed, alone", o.err)
			}
			if !cmp.Equal(o.Outcome, engine.Outcome{}) || o.took > 50*ms || len(f.starts) != 0 {
				t.Errorf("the outcome is %+v after %v and %d calls", o.Outcome, o.took, len(f.starts))
			}
			if waiting.Load() == 0 {
				t.Error("the test has no connection that waits")
			}
		})
	}
}

// ^C while connecting is no run.
func TestInterruptWhileConnecting(t *testing.T) {
	bubble(t, "is no run", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		f := &fake{dialing: func(ctx context.Context, n int) error { <-ctx.Done(); return ctx.Err() }}
		o := run(ctx, t, engine.Config{Workers: 4, Conns: 2, Duration: time.Hour}, f)
		if o.err == nil || o.took > time.Second {
			t.Errorf("Run: %v after %v, want an error", o.err, o.took)
		}
	})
}

// What closing a connection says is not lost; the run counts all the same.
func TestCloseErrorIsTold(t *testing.T) {
	bubble(t, "and the run counts", func(t *testing.T) {
		f := &fake{behave: all(behaviour{takes: 100 * ms}), closing: errTest}
		o := run(t.Context(), t, engine.Config{Workers: 2, Conns: 2, Duration: time.Second, Drain: time.Second}, f)
		if !errors.Is(o.err, errTest) || o.total.Counts.OK != 20 {
			t.Errorf("Run: %v, %d calls", o.err, o.total.Counts.OK)
		}
	})
}

// A connection that takes no more calls: what was due there was never sent, and its workers are gone.
func TestRefusedStartIsNeverSent(t *testing.T) {
	for _, tt := range []struct {
		reason string
		after  time.Duration // from then on workers are refused
		last   uint16        // workers up to this one are
		cfg    engine.Config
		want   counts
		took   time.Duration
	}{
		{
			"all workers, at once", 0, 9,
			engine.Config{Workers: 3, Conns: 1, Duration: time.Minute},
			counts{Due: 3, NeverSent: 3},
			0,
		},
		{
			"one of three", 250 * ms, 0,
			engine.Config{Workers: 3, Conns: 3, Duration: time.Second},
			counts{Due: 24, OK: 23, NeverSent: 1},
			time.Second,
		},
		{
			"all workers in the end", 250 * ms, 9,
			engine.Config{Workers: 3, Conns: 3, Duration: time.Minute},
			counts{Due: 12, OK: 9, NeverSent: 3},
			300 * ms,
		},
		{
			"in the warm-up nothing was due", 250 * ms, 9,
			engine.Config{Workers: 2, Conns: 1, Warmup: time.Second, Duration: time.Minute},
			counts{Warmup: 8},
			300 * ms,
		},
	} {
		bubble(t, tt.reason, func(t *testing.T) {
			from := transport.Now() + int64(tt.after)
			o := run(t.Context(), t, tt.cfg, &fake{behave: func(c *transport.Call) behaviour {
				return behaviour{takes: 100 * ms, refused: c.Worker <= tt.last && transport.Now() >= from &&
					c.Sent == 0}
			}})
			if diff := cmp.Diff(tt.want, o.counts()); diff != "" || o.err != nil {
				t.Errorf("Run: %v; counts (-want +got):\n%s", o.err, diff)
			}
			if o.took < tt.took || o.took > tt.took+look {
				t.Errorf("the run took %v, want %v", o.took, tt.took)
			}
		})
	}
}

// Without a connection calls fail at once. A worker pauses after each of them: a
// loop of such failures would measure nothing.
func TestPauseWithoutConnection(t *testing.T) {
	for _, tt := range []struct {
		reason string
		behave behaviour
		want   int64 // calls in a second
	}{
		{"at once, for want of a connection", behaviour{code: codes.Unavailable}, 100},
		{"almost at once", behaviour{takes: 250 * time.Microsecond, code: codes.Unavailable}, 98}, // every 10.25 ms
		{"not at once: it was sent", behaviour{takes: ms, code: codes.Unavailable}, 1000},
		{"at once, for another reason", behaviour{takes: 250 * time.Microsecond, code: codes.ResourceExhausted}, 4000},
		{
			"at once, for a want of this machine's",
			behaviour{takes: 250 * time.Microsecond, code: codes.Internal, local: true},
			98,
		},
		{
			"at once, and no message could be made",
			behaviour{takes: 250 * time.Microsecond, code: codes.Internal, unsent: true},
			98,
		},
		{"at once, and well", behaviour{takes: 250 * time.Microsecond}, 4000},
	} {
		bubble(t, tt.reason, func(t *testing.T) {
			o := run(t.Context(), t, engine.Config{Workers: 3, Conns: 2, Duration: time.Second, Drain: time.Second},
				&fake{behave: all(tt.behave)})
			if got := o.total.Counts.Sent; got < 3*tt.want || got > 3*(tt.want+1) {
				t.Errorf("%d calls of 3 workers in a second, want %d each", got, tt.want)
			}
			if o.err != nil {
				t.Errorf("Run: %v", o.err)
			}
		})
	}
}

// A worker that pauses as the warm-up ends has its next call in the window or before it, not half in both.
func TestPauseAcrossTheWarmUpsEnd(t *testing.T) {
	bubble(t, "-d", func(t *testing.T) {
		cfg := engine.Config{Workers: 4, Conns: 1, Warmup: 105 * ms, Duration: time.Second, Drain: time.Second}
		o := run(t.Context(), t, cfg, &fake{behave: all(behaviour{code: codes.Unavailable})})
		if o.total.Counts.Due != 400 {
			t.Errorf("%d calls were due, want 400", o.total.Counts.Due)
		}
	})
	bubble(t, "-n", func(t *testing.T) {
		cfg := engine.Config{Workers: 4, Conns: 1, Warmup: 105 * ms, Total: 100, Drain: time.Second}
		o := run(t.Context(), t, cfg, &fake{behave: all(behaviour{code: codes.Unavailable})})
		if c := o.total.Counts; c.Due != 100 || c.Failed != 100 {
			t.Errorf("%d calls were due and %d failed, want 100", c.Due, c.Failed)
		}
	})
}

// A worker that pauses when the run ends has no call that is due.
func TestPauseAtTheEnd(t *testing.T) {
	bubble(t, "is no call", func(t *testing.T) {
		o := run(t.Context(), t, engine.Config{Workers: 3, Conns: 1, Duration: 985 * ms},
			&fake{behave: all(behaviour{code: codes.Unavailable})})
		if diff := cmp.Diff(counts{Due: 297, Failed: 297}, o.counts()); diff != "" { // 0 10 ... 980 | 990
			t.Errorf("counts (-want +got):\n%s", diff)
		}
	})
}

// The end is the end: whoever pauses does not start after it.
func TestNothingStartsAfterTheEnd(t *testing.T) {
	for _, behave := range []behaviour{
		{code: codes.Unavailable},
		{takes: 3 * ms},
		{takes: 7 * ms, code: codes.Unavailable},
	} {
		bubble(t, "of the window", func(t *testing.T) {
			f := &fake{behave: all(behave)}
			o := run(t.Context(), t, engine.Config{Workers: 3, Conns: 1, Duration: 985 * ms, Drain: time.Second}, f)
			afterEnd(t, f, o.Start+int64(985*ms))
		})
		bubble(t, "by an interrupt", func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 985*ms)
			defer cancel()
			f := &fake{behave: all(behave)}
			o := run(ctx, t, engine.Config{Workers: 3, Conns: 1, Duration: time.Hour, Drain: time.Second}, f)
			afterEnd(t, f, o.Start+int64(985*ms))
		})
	}
}

func afterEnd(t *testing.T, f *fake, end int64) {
	t.Helper()
	for _, s := range f.starts {
		if s.sent > end {
			t.Errorf("a call (%v) started %v after the end", s.code, time.Duration(s.sent-end))
			return
		}
	}
}

// A stream that the server ends well, and without any of the answers that it owes, is no success.
func TestStreamWithoutAnswers(t *testing.T) {
	for _, tt := range []struct {
		reason  string
		answers int
		ok      int64
	}{{"none is owed", 0, 3}, {"one is", 1, 0}} {
		bubble(t, tt.reason, func(t *testing.T) {
			o := run(t.Context(), t, engine.Config{
				Total: 3, Workers: 1, Conns: 1,
				Methods: transport.One(transport.Spec{Answers: tt.answers}, nil),
			},
				&fake{behave: all(behaviour{takes: ms})})
			if c := o.total.Counts; c.OK != tt.ok || c.Failed != 3-tt.ok {
				t.Errorf("%s: %+v, want %d ok", tt.reason, c, tt.ok)
			}
		})
	}
}
