package engine_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"grpcbench/loadgen/engine"
	"grpcbench/loadgen/recorder"
	"grpcbench/loadgen/series"
	"grpcbench/loadgen/transport"
)

// Whatever the run and whatever becomes of its calls: all are accounted for,
// none twice, and nothing is left behind. run holds the properties.
func TestAnyRun(t *testing.T) {
	seeds := uint64(60)
	if testing.Short() {
		seeds = 15
	}
	for seed := range seeds {
		bubble(t, fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 0))
			span := func(most time.Duration) time.Duration { return time.Duration(r.Int64N(int64(most))) }
			cfg := engine.Config{Workers: 1 + r.IntN(20), Drain: span(2 * time.Second)}
			cfg.Conns = 1 + r.IntN(cfg.Workers)
			if r.IntN(2) == 0 {
				cfg.Warmup = span(1500 * ms)
			}
			if r.IntN(3) > 0 {
				cfg.Duration = span(3*time.Second) + 1
			}
			if r.IntN(2) == 0 || cfg.Duration == 0 {
				cfg.Total = 1 + r.Int64N(500)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			interrupted := r.IntN(4) == 0
			if interrupted || cfg.Duration == 0 { // else a run whose calls all fail at once may never end
				defer time.AfterFunc(span(5*time.Second), cancel).Stop()
			}
			f := &fake{behave: anyBehaviour(seed)}
			o := run(ctx, t, cfg, f)
			if o.err != nil {
				t.Errorf("%+v: Run: %v", cfg, o.err)
			}
			if cfg.Total > 0 && o.total.Counts.Due > cfg.Total {
				t.Errorf("%+v: %d calls were due", cfg, o.total.Counts.Due)
			}
			if ends := o.Start + int64(cfg.Duration); cfg.Duration > 0 && o.End > ends+int64(cfg.Drain+look) {
				t.Errorf("%+v: the window ends %v after its duration", cfg, time.Duration(o.End-ends))
			}
			if limit := cfg.Warmup + cfg.Duration + cfg.Drain + look; cfg.Duration > 0 && o.took > limit {
				t.Errorf("%+v: the run took %v, more than %v", cfg, o.took, limit)
			}
		})
	}
}

// anyBehaviour draws a call's course from its number alone.
func anyBehaviour(seed uint64) func(c *transport.Call) behaviour {
	return func(c *transport.Call) behaviour {
		r := rand.New(rand.NewPCG(seed, c.Seq+1))
		b := behaviour{takes: time.Duration(1 + r.ExpFloat64()*float64(50*ms)), messages: r.IntN(3)}
		switch r.IntN(12) {
		case 0:
			b.code = codes.Internal
		case 1:
			b.code = codes.Canceled
		case 2, 3:
			b.code, b.takes = codes.Unavailable, 0
		case 4:
			b.takes = 3 * time.Second
		case 5:
			b.takes = time.Duration(r.IntN(4)) * 250 * ms // at the same time as other things
		}
		b.refused = r.IntN(300) == 0
		if r.IntN(500) == 0 {
			b.takes = forever
		}
		return b
	}
}

// In real time, with many workers at once: no call is lost, and the race detector is content.
func TestNoCallIsLost(t *testing.T) {
	for _, tt := range []struct {
		workers, conns int
		takes          time.Duration
	}{{64, 8, 0}, {200, 200, 100 * time.Microsecond}, {16, 1, 0}} {
		f := &fake{behave: func(c *transport.Call) behaviour {
			b := behaviour{takes: tt.takes, messages: 1}
			if c.Seq%97 == 0 {
				b.code = codes.ResourceExhausted
			}
			return b
		}}
		rec := recorder.New(recorder.Config{
			Messages:  []series.Series{series.FirstMessage, series.MessageRTT},
			PerWorker: true,
		})
		o, err := engine.Run(t.Context(), engine.Config{
			Dialer: f, Methods: some, Addrs: []string{"a"}, Workers: tt.workers, Conns: tt.conns, Warmup: 20 * ms,
			Duration: 200 * ms, Drain: 5 * time.Second,
		}, rec)
		if err != nil {
			t.Fatalf("Run: %v", err)
		}
		check(t, f, outcome{
			Outcome: o, total: rec.Total(), rec: rec,
			intervals: []recorder.Snapshot{{
				Start: o.Start, End: o.End,
				Part: recorder.Part{Counts: rec.Total().Counts},
			}},
		})
		c := rec.Total().Counts
		if c.Unfinished != 0 || c.NeverSent != 0 || c.OK == 0 || c.Failed == 0 ||
			c.Sent+o.Warmup != int64(len(f.starts)) {
			t.Errorf("%d workers on %d connections made %d calls; recorded are %+v and %d before", tt.workers,
				tt.conns, len(f.starts), c, o.Warmup)
		}
		if n := rec.Total().Latencies[series.FirstMessage].Count(); n != c.Sent {
			t.Errorf("%d first messages of %d calls", n, c.Sent)
		}
		var ofWorkers int64
		for _, h := range rec.Total().Workers {
			ofWorkers += h.TotalCount()
		}
		if ofWorkers != c.OK+c.Failed || len(rec.Total().Workers) > tt.workers {
			t.Errorf("the %d workers' histograms hold %d calls of %d", len(rec.Total().Workers), ofWorkers,
				c.OK+c.Failed)
		}
	}
}
