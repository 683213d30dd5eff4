package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/codes"

	"grpcbench/loadgen/engine"
	"grpcbench/loadgen/recorder"
	"grpcbench/loadgen/result"
	"grpcbench/loadgen/scenario"
	"grpcbench/loadgen/series"
	"grpcbench/loadgen/transport"
)

// builtStep is a step that is ready to be called.
type builtStep struct {
	*scenario.Step
	spec   transport.Spec
	source transport.Source
	making *making
	// sent makes what its calls sent again; nil where that tells nothing, or cannot be made.
	sent *scenario.Sent
}

// build makes steps ready.
func (r *run) build(steps []scenario.Step) (built []builtStep, err error) {
	for i := range steps {
		b := builtStep{Step: &steps[i]}
		o := b.Options
		o.Run = r.id
		if b.spec, b.source, err = b.Build(o); err != nil {
			return nil, err
		}
		b.making = &making{Source: b.source}
		if len(b.Feeds) > 0 { // else all is in memory
			b.source = b.making
		}
		if b.Foreign { // what the target's own send tells nobody anything
			if b.sent, err = b.Sent(o); err != nil {
				return nil, err
			}
		}
		built = append(built, b)
	}
	return built, nil
}

// methods are what the connections carry.
func (r *run) methods() (all []*transport.Method) {
	for _, b := range r.steps {
		all = append(all, &transport.Method{Spec: b.spec, Source: b.source})
	}
	return all
}

// flows are what arrivals start.
func (r *run) flows() (all []engine.Flow) {
	for _, f := range r.workload.Flows {
		flow := engine.Flow{Weight: f.Weight}
		for _, i := range f.Steps {
			flow.Steps = append(flow.Steps, engine.Step{Method: i, Pause: r.steps[i].Pause})
		}
		all = append(all, flow)
	}
	return all
}

// messageSeries are the latencies within calls that any of the steps has.
func (r *run) messageSeries() (all []series.Series) {
	for _, b := range r.steps {
		for _, s := range messageSeries(b.spec) {
			if !slices.Contains(all, s) {
				all = append(all, s)
			}
		}
	}
	return all
}

// recordSteps has each step recorded by itself, and each flow of several as a whole too, where there are several steps.
func (r *run) recordSteps(config *recorder.Config) {
	if len(r.steps) < 2 {
		return
	}
	for _, b := range r.steps {
		config.Steps = append(config.Steps, messageSeries(b.spec))
	}
	for _, f := range r.workload.Flows {
		config.Flows = append(config.Flows, len(f.Steps) > 1)
	}
}

// byStep fills in what became of each step, and of each flow of several.
func (r *run) byStep(d *result.Document, start int64) {
	total := r.rec.Total()
	for i, b := range r.steps {
		s := result.Step{
			Flow: r.workload.Flows[b.Flow].Name, Name: b.Name, Method: b.Method, Kind: b.Kind.String(),
			Weight: r.workload.Flows[b.Flow].Weight,
		}
		s.Counts, s.Codes, s.Latency = d.Counts, d.Codes, d.Latency
		if len(total.Steps) > 0 {
			p := total.Steps[i]
			s.Counts, s.Codes, s.Latency = p.Counts, codesOf(p), latenciesOf(p)
			s.Exemplars = r.exemplarsOf(p, s.Latency, start, keptOfStep)
		}
		s.ChecksFailed = s.Codes[result.CodeName(codes.DataLoss)]
		d.Steps = append(d.Steps, s)
	}
	for i, p := range total.Flows {
		if p == nil {
			continue
		}
		f := r.workload.Flows[i]
		d.Flows = append(d.Flows, result.Flow{
			Name: f.Name, Weight: f.Weight, Counts: p.Counts, Codes: codesOf(p),
			Latency: map[string]result.Latency{series.Response.String(): result.NewLatency(p.Headline())},
		})
	}
}

// stepNames and flowNames are in the order of a snapshot's.
func (r *run) stepNames() (all []string) {
	for _, b := range r.steps {
		all = append(all, b.Name)
	}
	return all
}

func (r *run) flowNames() (all []string) {
	for _, f := range r.workload.Flows {
		all = append(all, f.Name)
	}
	return all
}

// keptOfStep is how many of a step's slowest calls its part of a document names.
const keptOfStep = 5

func codesOf(p *recorder.Part) map[string]int64 {
	all := map[string]int64{}
	for code, n := range p.Codes {
		if n > 0 {
			all[result.CodeName(codes.Code(code))] = n //nolint:gosec // few
		}
	}
	return all
}

func latenciesOf(p *recorder.Part) map[string]result.Latency {
	all := map[string]result.Latency{series.Response.String(): result.NewLatency(p.Headline())}
	for s, l := range p.Latencies {
		if l != nil {
			all[series.Series(s).String()] = result.NewLatency(l) //nolint:gosec // few
		}
	}
	return all
}

// setUp calls what is called once, before the warm-up. What it saves is every worker's.
func (r *run) setUp(ctx context.Context) error {
	if len(r.workload.Setup) == 0 {
		return nil
	}
	steps, err := r.build(r.workload.Setup)
	if err != nil {
		return err
	}
	var methods []*transport.Method
	for _, b := range steps {
		methods = append(methods, &transport.Method{Spec: b.spec, Source: b.source})
	}
	dialer, err := r.dialer()
	if err != nil {
		return err
	}
	addr, _, _ := strings.Cut(r.target.Addr, ",")
	conn, err := dialer.Dial(ctx, addr, methods)
	if err != nil {
		return fmt.Errorf("setup: %w", err)
	}
	done := make(chan struct{}, 1)
	call := &transport.Call{Owner: setupOwner(done)}
	for i, b := range steps {
		call.Reset()
		call.Method, call.Seq, call.Intended = i, uint64(i), transport.Now() //nolint:gosec // few
		if err = conn.Start(call); err != nil {
			break
		}
		conn.Flush()
		select {
		case <-done:
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), conn.Close())
		}
		if call.Code != b.spec.Success {
			err = fmt.Errorf("%s ended %s: %s", b.Name, result.CodeName(call.Code), call.Message)
			break
		}
		if b.Pause > 0 {
			time.Sleep(b.Pause)
		}
	}
	if err = errors.Join(err, conn.Close()); err != nil {
		return fmt.Errorf("setup: %w", err)
	}
	r.workload.Saved.ShareFirst()
	return nil
}

// setupOwner hears of the calls of setup, one at a time.
type setupOwner chan struct{}

func (o setupOwner) Done(*transport.Call)                          { o <- struct{}{} }
func (o setupOwner) Message(*transport.Call, series.Series, int64) {}
