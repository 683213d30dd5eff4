package run

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/scenario"
	"grpcbench/loadgen/verdict"
)

// flowsMaker makes the workload of a scenario file, and collects what is wrong with it.
type flowsMaker struct {
	plan     plan.Plan
	workload *scenario.Workload
	// known are by name the numbers of what earlier steps, and setup, have saved.
	known    map[string]int
	problems []error
}

// defineFlows makes the workload of the plan's scenario file.
func defineFlows(ctx context.Context, p plan.Plan, w *scenario.Workload) error {
	m := flowsMaker{plan: p, workload: w, known: map[string]int{}}
	for i, s := range p.Setup {
		step, err := m.step(ctx, fmt.Sprintf("setup[%d]", i), fmt.Sprintf("setup/%d ", i), s)
		if err != nil {
			return err
		}
		w.Setup = append(w.Setup, step)
	}
	common := m.known
	for i, f := range p.Flows {
		m.known = maps.Clone(common)
		flow := scenario.Flow{Name: f.Name, Weight: f.Weight}
		for k, s := range f.Steps {
			where := fmt.Sprintf("flows[%d]", i)
			if len(f.Steps) > 1 {
				where = fmt.Sprintf("%s.steps[%d]", where, k)
			}
			step, err := m.step(ctx, where, fmt.Sprintf("%s/%d ", f.Name, k), s)
			if err != nil {
				return err
			}
			step.Flow, step.Name = i, m.nameOf(f, step.Name, k)
			flow.Steps = append(flow.Steps, len(w.Steps))
			w.Steps = append(w.Steps, step)
		}
		w.Flows = append(w.Flows, flow)
	}
	if objectives, err := verdict.ParseSLO(p.SLO); err == nil {
		var names []string
		for _, f := range w.Flows {
			names = append(names, f.Name)
		}
		for _, s := range w.Steps {
			names = append(names, s.Name)
		}
		slices.Sort(names)
		if err := verdict.CheckNames(objectives, slices.Compact(names)); err != nil {
			m.problems = append(m.problems, fmt.Errorf("-slo: %w", err))
		}
	}
	return plan.NewUsageError(m.problems...)
}

// nameOf is what reports call a step: its flow's name, and in one of several steps its RPC's behind it.
func (m *flowsMaker) nameOf(f plan.Flow, rpc string, number int) string {
	if len(f.Steps) == 1 {
		return f.Name
	}
	name := f.Name + "/" + rpc
	if slices.ContainsFunc(m.workload.Steps, func(other scenario.Step) bool { return other.Name == name }) {
		name = fmt.Sprintf("%s#%d", name, number+1)
	}
	return name
}

// step makes one step. What is wrong with it is among the problems; an error is that its schema cannot be asked for.
func (m *flowsMaker) step(ctx context.Context, where, key string, s plan.Step) (scenario.Step, error) {
	p := m.plan
	p.File, p.RPC, p.Data, p.DataText, p.ExpectText, p.ExpectCode = "", s.RPC, s.Data, []byte(s.Data),
		[]byte(s.Expect), s.ExpectCode
	p.Metadata = slices.Concat(m.plan.Metadata, s.Metadata)
	wrong := func(problems ...error) {
		for _, problem := range problems {
			m.problems = append(m.problems, fmt.Errorf("-f %s: %s: %w", m.plan.File, where, problem))
		}
	}
	d, err := define(ctx, p)
	var usage *plan.UsageError
	switch {
	case errors.As(err, &usage):
		wrong(usage.Problems...)
		return scenario.Step{}, nil
	case err != nil:
		return scenario.Step{}, err
	}
	d.Feeds = m.workload.Feeds
	o := CallOptions(p)
	o.Step, o.Saved, o.Known, o.Save, o.Saves = key, m.workload.Saved, maps.Clone(m.known), s.Save, map[string]int{}
	for name := range s.Save {
		o.Saves[name] = o.Saved.Add()
	}
	wrong(d.Check(o)...)
	maps.Copy(m.known, o.Saves)
	return scenario.Step{Definition: d, Options: o, Name: d.Name, Pause: s.Pause}, nil
}
