package run

import (
	"context"
	"fmt"
	"time"

	"grpcbench/loadgen/metrics"
	"grpcbench/loadgen/recorder"
	"grpcbench/loadgen/requestid"
	"grpcbench/loadgen/trace"
	"grpcbench/loadgen/transport"
)

// interchange is what a run tells other programs while it lasts.
type interchange struct {
	sampler *requestid.Sampler // nil without -otlp, as traces
	traces  *trace.Exporter
	metrics *metrics.Server // nil without -metrics
	lost    []string        // what could not be told
}

// openInterchange begins to serve and to export what the plan says. Nothing is open where it fails.
func (r *run) openInterchange(ctx context.Context) (err error) {
	if r.plan.Metrics != "" {
		labels := map[string]string{
			"run_id": r.prefix(), "rpc": r.plan.RPC, "transport": r.plan.Transport,
			"loop": loop(r.plan),
		}
		if r.interchange.metrics, err = metrics.Listen(ctx, r.plan.Metrics, labels, r.stepNames(),
			r.flowNames()); err != nil {
			return err
		}
		if r.sum != nil {
			r.sum.run.interchange.metrics = r.interchange.metrics
		}
		r.view.Logf("metrics at http://%s/metrics", r.interchange.metrics.Addr)
	}
	if r.plan.OTLP != "" {
		r.sampler = requestid.NewSampler(r.plan.TraceRatio)
		if r.traces, err = trace.New(context.WithoutCancel(ctx), r.plan.OTLP, r.prefix()); err != nil {
			r.closeMetrics()
			return err
		}
	}
	return nil
}

// closeTraces sends what is left. That nobody listened is no failure of the run: its notes tell.
func (r *run) closeTraces(ctx context.Context) {
	if r.traces == nil {
		return
	}
	r.shown.Sending()
	if err := r.traces.Close(context.WithoutCancel(ctx)); err != nil {
		r.lost = append(r.lost, err.Error())
	}
	r.traces = nil
}

func (r *run) closeMetrics() {
	if r.interchange.metrics != nil {
		_ = r.interchange.metrics.Close() // it has served
	}
}

// ended exports the calls that are sampled; nil where none is.
func (r *run) ended() func(*transport.Call) {
	if r.traces == nil {
		return nil
	}
	return func(c *transport.Call) {
		id := requestid.ID{Run: r.id, Worker: c.Worker, Seq: c.Seq}
		if !r.sampler.Sampled(id) {
			return
		}
		// The other times are counted back from this one, so that a step of the wall clock is in none of the
		// differences.
		end := transport.Wall(c.End)
		step := ""
		if len(r.steps) > 1 {
			step = r.steps[c.Method].Name
		}
		r.traces.Export(trace.Span{
			ID: id, Method: r.steps[c.Method].spec.Method, Step: step,
			Intended: end.Add(time.Duration(c.Intended - c.End)), Start: end.Add(time.Duration(c.Sent - c.End)),
			End:  end,
			Code: c.Code, Message: c.Message,
		})
	}
}

// tellMetrics tells whoever scrapes of an interval.
func (r *run) tellMetrics(iv *recorder.Snapshot) error {
	if r.interchange.metrics == nil || r.sum != nil { // of all shards the sum tells
		return nil
	}
	var examples []metrics.Example
	total := r.rec.Total()
	var slowest []recorder.Exemplar
	for _, p := range total.Steps {
		slowest = append(slowest, p.Slowest()...)
	}
	if len(total.Steps) == 0 {
		slowest = total.Slowest()
	}
	for _, x := range slowest {
		examples = append(examples, metrics.Example{
			Step: x.Step, RequestID: requestid.ID{Run: r.id, Worker: x.Worker, Seq: x.Seq}.String(),
			Seconds: float64(x.Response) / 1e9, At: r.wallOf(x.Intended + x.Response),
		})
	}
	err := r.interchange.metrics.Add(metrics.Second{
		Snapshot: iv, Examples: examples,
		InFlight: inFlight(total.Counts), Verdict: r.judgeSoFar().Status,
	})
	if err != nil {
		return fmt.Errorf("tell an interval: %w", err)
	}
	return nil
}
