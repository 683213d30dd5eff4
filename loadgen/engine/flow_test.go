package engine_test

import (
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"grpcbench/loadgen/engine"
	"grpcbench/loadgen/recorder"
	"grpcbench/loadgen/schedule"
	"grpcbench/loadgen/series"
	"grpcbench/loadgen/transport"
)

// heard are calls in the order in which they ended.
type heard struct {
	mu    sync.Mutex
	calls []transport.Call
}

func (h *heard) ended(c *transport.Call) {
	h.mu.Lock()
	h.calls = append(h.calls, transport.Call{
		Worker: c.Worker, Seq: c.Seq, Method: c.Method, Intended: c.Intended,
		End: c.End, Code: c.Code,
	})
	h.mu.Unlock()
}

// Steps follow each other on their worker, after their pauses; a failed one is the last. A flow is timed from its
// intended start, and what becomes of steps and flows adds up to the whole.
func TestFlows(t *testing.T) {
	for _, tt := range []struct {
		reason      string
		fails       int // a method, or -1
		ok, steps   int64
		flow, flows int64
	}{
		{"all well", -1, 30, 30, 10, 10},
		{"the second step fails", 1, 10, 20, 0, 10},
	} {
		bubble(t, tt.reason, func(t *testing.T) {
			var h heard
			f := &fake{behave: func(c *transport.Call) behaviour {
				b := behaviour{takes: 10 * ms}
				if c.Method == tt.fails {
					b.code = codes.NotFound
				}
				return b
			}}
			o := runWith(t.Context(), t, recorder.Config{
				OpenLoop: true, Steps: make([][]series.Series, 3),
				Flows: []bool{true},
			}, engine.Config{
				Methods: slices.Repeat(some, 3), Workers: 2, Conns: 1, Duration: time.Second, Drain: time.Second,
				Ended:    h.ended,
				Arrivals: schedule.Uniform(schedule.PerSecond(10), time.Second),
				Flows: []engine.Flow{{
					Weight: 1,
					Steps:  []engine.Step{{Method: 0, Pause: 50 * ms}, {Method: 1}, {Method: 2}},
				}},
			}, f)
			if o.err != nil {
				t.Fatal(o.err)
			}
			total := o.rec.Total().Counts
			if total.OK != tt.ok || total.Sent != tt.steps || total.Due != tt.steps {
				t.Errorf("of all: %+v, want %d of %d ok", total, tt.ok, tt.steps)
			}
			var sum recorder.Counts
			for _, p := range o.total.Steps {
				sum.Add(&p.Counts)
			}
			if sum.Due != total.Due || sum.OK != total.OK || sum.Failed != total.Failed {
				t.Errorf("the steps are together %+v, the whole %+v", sum, total)
			}
			flow := o.total.Flows[0]
			if flow.Counts.Due != tt.flows || flow.Counts.OK != tt.flow || flow.Counts.Failed != tt.flows-tt.flow {
				t.Errorf("of flows: %+v, want %d of %d ok", flow.Counts, tt.flow, tt.flows)
			}
			if tt.fails < 0 {
				response := flow.Latencies[series.Response]
				if got := time.Duration(response.Max); got != 80*ms {
					t.Errorf("a flow takes %v, want three calls and a pause: 80 ms", got)
				}
			}
			for i, c := range h.calls[:2] { // of the first flow
				if c.Method != i || c.Seq != uint64(i)<<40 || c.Worker != h.calls[0].Worker {
					t.Errorf("call %d is of method %d, number %x, worker %d", i, c.Method, c.Seq, c.Worker)
				}
			}
			if waited := time.Duration(h.calls[1].Intended - h.calls[0].End); waited != 50*ms {
				t.Errorf("the second step began %v after the first", waited)
			}
		})
	}
}

// What arrivals start is drawn by their weights, the same whatever the workers.
func TestMix(t *testing.T) {
	weights := []float64{7, 2, 1}
	var drawn [2][]int
	for i, workers := range []int{1, 8} {
		bubble(t, "a mix", func(t *testing.T) {
			var h heard
			flows := make([]engine.Flow, len(weights))
			for k, w := range weights {
				flows[k] = engine.Flow{Weight: w, Steps: []engine.Step{{Method: k}}}
			}
			const n = 5000
			o := runWith(t.Context(), t, recorder.Config{Steps: make([][]series.Series, 3)}, engine.Config{
				Methods: slices.Repeat(some, 3), Workers: workers, Conns: 1, Total: n, Drain: time.Second,
				Ended: h.ended, Flows: flows, Seed: 4,
			}, &fake{behave: all(behaviour{takes: ms})})
			if o.err != nil {
				t.Fatal(o.err)
			}
			drawn[i] = make([]int, n)
			counts := make([]int, 3)
			for _, c := range h.calls {
				drawn[i][c.Seq] = c.Method
				counts[c.Method]++
			}
			for k, w := range weights {
				p := w / 10
				// the binomial 99.9 % interval
				if off := math.Abs(float64(counts[k])-p*n) / math.Sqrt(n*p*(1-p)); off > 3.3 {
					t.Errorf("flow %d is started %d times of %d, %.1f standard deviations off its share", k, counts[k],
						n, off)
				}
			}
		})
	}
	if !slices.Equal(drawn[0], drawn[1]) {
		t.Error("with more workers the arrivals start other flows")
	}
}
