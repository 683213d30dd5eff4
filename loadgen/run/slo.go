package run

import (
	"grpcbench/loadgen/recorder"
	"grpcbench/loadgen/result"
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
	c := d.Counts
	measured := verdict.Measured{
		Latency:  r.latency,
		Errors:   float64(c.Failed) / float64(max(c.OK+c.Failed, 1)),
		Achieved: d.Rate.Achieved / max(d.Rate.Offered, 1e-9),
	}
	for _, o := range all {
		kept = append(kept, o.Check(measured))
	}
	return kept
}

// latency looks any percentile up, also one that the document does not list.
func (r *run) latency(series, of string, p float64) (ns float64, ok bool) {
	total := r.rec.Total()
	l := total.Headline()
	if series != recorder.Response.String() {
		l = total.Series(series)
	}
	if l == nil || l.Count() == 0 {
		return 0, false
	}
	switch of {
	case "max":
		return float64(l.Max), true
	case "mean":
		return l.Mean(), true
	default:
		return float64(min(l.Histogram.ValueAtPercentile(p), l.Max)), stats.Supported(l.Count(), p)
	}
}
