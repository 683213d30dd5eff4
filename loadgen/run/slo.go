package run

import (
	"math"

	"grpcbench/loadgen/recorder"
	"grpcbench/loadgen/result"
	"grpcbench/loadgen/series"
	"grpcbench/loadgen/stats"
	"grpcbench/loadgen/verdict"
)

// objectives holds the plan's -slo against what was measured.
func (r *run) objectives(d *result.Document) []verdict.Kept {
	kept := []verdict.Kept{}
	all, err := verdict.ParseSLO(r.plan.SLO)
	if err != nil {
		return kept // the plan was checked
	}
	for _, o := range all {
		kept = append(kept, o.Check(r.measured(d)))
	}
	return kept
}

// measured is what objectives are held against.
func (r *run) measured(d *result.Document) verdict.Measured {
	return verdict.Measured{
		Latency:  r.latency,
		Errors:   func(step string) float64 { return failures(d, step) },
		Achieved: d.Rate.Achieved / max(d.Rate.Offered, 1e-9),
	}
}

// failures is the share of a step's or flow's calls that failed or were not answered, or of all.
func failures(d *result.Document, step string) float64 {
	for _, p := range d.Parts() {
		if p.Name == step {
			return p.Failures()
		}
	}
	return d.Failures()
}

// part is what was recorded of a step or flow of several; else of all calls.
func (r *run) part(name string) *recorder.Part {
	total := r.rec.Total()
	for i, p := range total.Steps {
		if r.steps[i].Name == name {
			return p
		}
	}
	for i, p := range total.Flows {
		if p != nil && r.workload.Flows[i].Name == name {
			return p
		}
	}
	return &total.Part
}

// latency looks any percentile up, also one that the document does not list.
func (r *run) latency(step, name, of string, p float64) (verdict.Known, bool) {
	part := r.part(step)
	l := part.Headline()
	if name != series.Response.String() {
		l = part.Series(name)
	}
	if l == nil || l.Count() == 0 {
		return verdict.Known{}, false
	}
	known := func(least float64) verdict.Known {
		return verdict.Known{Least: least, Most: least, Bounded: l.CensoredCount() == 0}
	}
	switch of {
	case "max":
		return known(float64(l.Max)), true
	case "mean":
		return known(l.Mean()), true
	}
	v := known(float64(min(l.Histogram.ValueAtPercentile(p), l.Max)))
	if !v.Bounded {
		most, bounded := recorder.Upper(l.Known(), int64(math.Ceil(p*float64(l.Count())/100-1e-6)))
		v.Most, v.Bounded = max(v.Least, float64(most)), bounded
	}
	return v, stats.Supported(l.Count(), p) || !v.Bounded // too few calls, but enough to tell what it is at least
}
