package engine_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"

	"grpcbench/loadgen/engine"
	"grpcbench/loadgen/series"
	"grpcbench/loadgen/transport"
)

const ms = time.Millisecond

// In fake time a closed loop is exact: so many workers, each with one call after another.
func TestCounts(t *testing.T) {
	for _, tt := range []struct {
		reason string
		cfg    engine.Config
		behave behaviour
		want   counts
		end    time.Duration // of the window, from its start
		took   time.Duration
	}{
		{
			"duration ends the run",
			engine.Config{Workers: 4, Conns: 1, Duration: 2 * time.Second, Drain: time.Second},
			behaviour{takes: 100 * ms},
			counts{Due: 80, OK: 80},
			2 * time.Second, 2 * time.Second,
		},
		{
			"warm-up calls are made and not recorded",
			engine.Config{Workers: 4, Conns: 2, Warmup: time.Second, Duration: 2 * time.Second, Drain: time.Second},
			behaviour{takes: 100 * ms},
			counts{Due: 80, OK: 80, Warmup: 40},
			2 * time.Second, 3 * time.Second,
		},
		{
			"a call that began before the window is not recorded, though it ends in it",
			engine.Config{Workers: 1, Conns: 1, Warmup: 1000 * ms, Duration: 800 * ms, Drain: time.Second},
			behaviour{takes: 300 * ms}, // 0 300 600 900 | 1200 1500
			counts{Due: 2, OK: 2, Warmup: 4},
			800 * ms, 1800 * ms,
		},
		{
			"-n makes exactly n calls",
			engine.Config{Workers: 3, Conns: 3, Total: 10, Drain: time.Second},
			behaviour{takes: 100 * ms},
			counts{Due: 10, OK: 10},
			400 * ms, 400 * ms,
		},
		{
			"-n counts measured calls only",
			engine.Config{Workers: 3, Conns: 1, Total: 10, Warmup: time.Second, Drain: time.Second},
			behaviour{takes: 100 * ms},
			counts{Due: 10, OK: 10, Warmup: 30},
			400 * ms, 1400 * ms,
		},
		{
			"-n counts failed calls too",
			engine.Config{Workers: 3, Conns: 1, Total: 10, Drain: time.Second},
			behaviour{takes: 100 * ms, code: codes.NotFound},
			counts{Due: 10, Failed: 10},
			400 * ms, 400 * ms,
		},
		{
			"-n smaller than the workers",
			engine.Config{Workers: 8, Conns: 2, Total: 3, Drain: time.Second},
			behaviour{takes: 100 * ms},
			counts{Due: 3, OK: 3},
			100 * ms, 100 * ms,
		},
		{
			"-n and -d: the duration comes first",
			engine.Config{Workers: 1, Conns: 1, Total: 1000, Duration: time.Second, Drain: time.Second},
			behaviour{takes: 100 * ms},
			counts{Due: 10, OK: 10},
			time.Second, time.Second,
		},
		{
			"-n and -d: the calls come first",
			engine.Config{Workers: 1, Conns: 1, Total: 5, Duration: time.Minute, Drain: time.Second},
			behaviour{takes: 100 * ms},
			counts{Due: 5, OK: 5},
			500 * ms, 500 * ms,
		},
		{
			"a call in flight that ends within the drain is as good as any",
			engine.Config{Workers: 2, Conns: 1, Duration: time.Second, Drain: time.Second},
			behaviour{takes: 700 * ms}, // 0 700 | ends at 1400
			counts{Due: 4, OK: 4},
			1400 * ms, 1400 * ms,
		},
		{
			"a call that does not is unfinished, and no error",
			engine.Config{Workers: 2, Conns: 2, Duration: time.Second, Drain: 500 * ms},
			behaviour{takes: 800 * ms}, // 0 800 | would end at 1600
			counts{Due: 4, OK: 2, Unfinished: 2},
			time.Second, 1500 * ms,
		},
		{
			"no drain at all",
			engine.Config{Workers: 3, Conns: 1, Duration: time.Second},
			behaviour{takes: forever},
			counts{Due: 3, Unfinished: 3},
			time.Second, time.Second,
		},
		{
			"calls that fail within the drain are failures",
			engine.Config{Workers: 2, Conns: 1, Duration: time.Second, Drain: 5 * time.Second},
			behaviour{takes: 1500 * ms, code: codes.DeadlineExceeded},
			counts{Due: 2, Failed: 2},
			1500 * ms, 1500 * ms,
		},
		{
			"a call that its server cancels is a failure: nothing of ours cut it off",
			engine.Config{Workers: 1, Conns: 1, Duration: time.Second, Drain: time.Second},
			behaviour{takes: 500 * ms, code: codes.Canceled},
			counts{Due: 2, Failed: 2},
			time.Second, time.Second,
		},
	} {
		bubble(t, tt.reason, func(t *testing.T) { testCounts(t, tt.cfg, tt.behave, tt.want, tt.end, tt.took) })
	}
}

func testCounts(t *testing.T, cfg engine.Config, b behaviour, want counts, end, took time.Duration) {
	o := run(t.Context(), t, cfg, &fake{behave: all(b)})
	if o.err != nil {
		t.Errorf("Run: %v", o.err)
	}
	if diff := cmp.Diff(want, o.counts()); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	if window := time.Duration(o.End - o.Start); window < end || window > end+look || o.took < took ||
		o.took > took+look {
		t.Errorf("the window was %v long and the run %v, want %v and %v", window, o.took, end, took)
	}
	if n := o.total.Codes[b.code]; n != o.total.Counts.OK+o.total.Counts.Failed {
		t.Errorf("codes: %d times %v, want all: %v", n, b.code, o.total.Codes)
	}
}

func TestWorkersShareTheConnections(t *testing.T) {
	for _, tt := range []struct{ workers, conns int }{{1, 1}, {7, 3}, {50, 1}, {64, 64}, {100, 33}} {
		bubble(t, fmt.Sprintf("%d on %d", tt.workers, tt.conns), func(t *testing.T) {
			f := &fake{behave: all(behaviour{takes: 10 * ms})}
			run(t.Context(), t, engine.Config{
				Workers: tt.workers, Conns: tt.conns, Duration: 100 * ms,
				Drain: time.Second,
			}, f)
			if f.most != tt.workers || f.dialed != tt.conns {
				t.Errorf("%d calls in flight on %d connections, want %d on %d", f.most, f.dialed, tt.workers, tt.conns)
			}
			share := map[*fakeConn]int{}
			for _, conns := range f.conns {
				for conn := range conns {
					share[conn]++
				}
			}
			for _, n := range share {
				if n < tt.workers/tt.conns || n > (tt.workers+tt.conns-1)/tt.conns {
					t.Errorf("%d workers on %d connections, one of which has %d", tt.workers, tt.conns, n)
				}
			}
			if len(share) != tt.conns {
				t.Errorf("%d of %d connections are used", len(share), tt.conns)
			}
		})
	}
}

// A recorded call is the worker's own: its latency, its number, its time.
func TestWhatIsRecorded(t *testing.T) {
	bubble(t, "of each worker", func(t *testing.T) {
		f := &fake{behave: func(c *transport.Call) behaviour {
			return behaviour{takes: time.Duration(1+c.Worker) * 10 * ms, code: codes.Code(c.Worker)}
		}}
		o := run(t.Context(), t, engine.Config{
			Workers: 3, Conns: 2, Warmup: time.Second, Duration: time.Second,
			Drain: time.Second,
		}, f)
		if n := o.total.Codes[:4]; !cmp.Equal(n, []int64{100, 50, 33, 0}) { // worker 2: 990 | 1020 ... 1980
			t.Errorf("codes %v, want 100 of worker 0, 50 of worker 1, 33 of worker 2", n)
		}
		l := o.total.Latencies[series.Service]
		if l.Min != int64(10*ms) || l.Max != int64(30*ms) || l.Sum != int64(1000*ms+1000*ms+990*ms) {
			t.Errorf("latencies from %v to %v, %v in all", time.Duration(l.Min), time.Duration(l.Max),
				time.Duration(l.Sum))
		}
		made := map[uint64]started{}
		for _, s := range f.starts {
			made[s.seq] = s
		}
		for _, x := range o.total.Exemplars(1000, 0) {
			s := made[x.Seq]
			if s.worker != x.Worker || s.code != x.Code || s.intended != x.Intended ||
				x.Service != int64(10*ms)*int64(1+x.Worker) || x.Intended < o.Start {
				t.Errorf("exemplar %+v of the call %+v", x, s)
			}
		}
	})
}

// Latencies within calls of the warm-up are not recorded either.
func TestMessagesOfTheWarmUp(t *testing.T) {
	bubble(t, "are not recorded", func(t *testing.T) {
		f := &fake{behave: all(behaviour{takes: 300 * ms, messages: 2})} // 0 300 600 900 | 1200 1500 1800
		o := run(t.Context(), t, engine.Config{
			Workers: 2, Conns: 1, Warmup: time.Second, Duration: time.Second,
			Drain: time.Second,
		}, f)
		for _, s := range []series.Series{series.FirstMessage, series.MessageRTT} {
			l := o.total.Latencies[s]
			if l.Count() != 2*2*3 || l.Min != int64(300*ms) || l.Max != int64(300*ms) {
				t.Errorf("%d of %v from %v to %v, want 12 of 300ms", l.Count(), s, time.Duration(l.Min),
					time.Duration(l.Max))
			}
		}
	})
}

// What became of calls is known by the address that they went to, and how often it was connected to anew.
func TestAddresses(t *testing.T) {
	bubble(t, "two, of which one fails", func(t *testing.T) {
		f := &fake{behave: func(c *transport.Call) behaviour {
			switch c.Worker % 3 { // connections 0 and 2 are to a, 1 is to b
			case 1:
				return behaviour{takes: 200 * ms, code: codes.NotFound}
			case 2:
				return behaviour{takes: forever}
			default:
				return behaviour{takes: 100 * ms}
			}
		}, reconnects: 2}
		o := run(t.Context(), t, engine.Config{
			Addrs: []string{"a", "b"}, Workers: 3, Conns: 3, Duration: time.Second, Drain: time.Second,
		}, f)
		want := []engine.Address{
			{Addr: "a", Conns: 2, Reconnects: 4, Sent: 11, OK: 10, Unfinished: 1},
			{Addr: "b", Conns: 1, Reconnects: 2, Sent: 5, Failed: 5},
		}
		if diff := cmp.Diff(want, o.Addresses); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if !slices.Equal(f.addrs, []string{"a", "a", "b"}) {
			t.Errorf("it connected to %q", f.addrs)
		}
	})
	bubble(t, "more than connections", func(t *testing.T) {
		f := &fake{behave: all(behaviour{takes: 100 * ms})}
		o := run(t.Context(), t, engine.Config{
			Addrs: []string{"a", "b", "c"}, Workers: 1, Conns: 1,
			Duration: time.Second, Drain: time.Second,
		}, f)
		if diff := cmp.Diff([]engine.Address{{Addr: "a", Conns: 1, Sent: 10, OK: 10}, {Addr: "b"}, {Addr: "c"}},
			o.Addresses); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}
