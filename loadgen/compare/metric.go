package compare

import (
	"slices"
	"strings"

	"grpcbench/loadgen/result"
	"grpcbench/loadgen/series"
	"grpcbench/loadgen/stats"
	"grpcbench/loadgen/verdict"
)

// Metric is what became of one figure.
type Metric struct {
	Name string
	Kind Kind
	// Part says that it is of a step or a flow, of several.
	Part bool
	stats.Shifted
	// Resolved says that the change is more than noise, at 95 %: for all metrics of the run together or, of a step or
	// flow, for all of these together, so that many steps do not hide what became of the whole. The adjustment is
	// Holm's.
	Resolved bool
	// Alone says that either side has a single value, so that there is no interval.
	Alone bool
	// OldAtLeast and NewAtLeast say that a side's value is a lower bound only, since calls were never answered. Then
	// a change is resolved in the one direction in which it is a change whatever these would have taken.
	OldAtLeast, NewAtLeast bool
}

// unknown says that the change can be another than it looks like.
func (m Metric) unknown() bool {
	return m.NewAtLeast && m.OldAtLeast || m.NewAtLeast && m.Estimate <= 0 || m.OldAtLeast && m.Estimate >= 0
}

// atLeast says that of any of the runs the metric is a lower bound.
func atLeast(name string, runs []*result.Document) bool {
	for _, d := range runs {
		for series, l := range d.Latency {
			if name == "mean" && series == "response" && l.Censored > 0 {
				return true
			}
			for _, x := range l.Percentiles {
				if x.AtLeast && percentile(x.P, series) == name {
					return true
				}
			}
		}
		for _, part := range d.Parts() {
			l := part.Latency["response"]
			if name == ofPart("mean", part.Name) && l.Censored > 0 ||
				slices.ContainsFunc(l.Percentiles, func(x result.Percentile) bool {
					return x.AtLeast && percentile(x.P, part.Name) == name
				}) {
				return true
			}
		}
	}
	return false
}

// Kind is what a metric's values are.
type Kind int

// The kinds: calls per second, a share of 1, nanoseconds, a number of something.
const (
	PerSecond Kind = iota
	Share
	Nanoseconds
	Number
)

// Worse says whether the change is for the bad: of a rate a fall is, of all else a rise.
func (m Metric) Worse() bool { return (m.Estimate > 0) == (m.Kind != PerSecond) }

// known is the variance of a metric's difference that the rounds do not show.
func (c *Comparison) known(name string, before, after float64) (variance float64) {
	share := func(of, mean float64, runs int) float64 { return of * of * mean * mean / float64(runs) }
	both := func(of float64) float64 {
		return share(of, before, len(c.Old.Runs)) + share(of, after, len(c.New.Runs))
	}
	switch {
	case strings.HasPrefix(name, "errors"): // as many as by chance, where no run tells how much they scatter
		failed, calls := c.failed(name)
		p := failed / max(calls[0]+calls[1], 1)
		variance = p * (1 - p) * (1/max(calls[0], 1) + 1/max(calls[1], 1))
	case name == "rate" && c.Old.Runs[0].Loop == "open": // which is what was asked for
		return both(rateGrain)
	}
	if c.Stretch > 0 {
		variance += both(runToRun)
	}
	return variance
}

// failed is how many calls failed on both sides together, and how many were over on each: of all, or of the step or
// flow that the metric, a share of errors, is of.
func (c *Comparison) failed(metric string) (failed float64, calls [2]float64) {
	for i, s := range []Side{c.Old, c.New} {
		for _, d := range s.Runs {
			counts := d.Counts
			for _, p := range d.Parts() {
				if ofPart("errors", p.Name) == metric {
					counts = p.Counts
				}
			}
			failed += float64(counts.Failed + counts.Unfinished)
			calls[i] += float64(counts.OK + counts.Failed + counts.Unfinished)
		}
	}
	return failed, calls
}

// resolve adjusts the p-values for the number of metrics: those of parts, or the others.
func (c *Comparison) resolve(part bool) {
	var p []float64
	var of []*Metric
	for i := range c.Metrics {
		if m := &c.Metrics[i]; !m.Alone && m.Part == part {
			p, of = append(p, m.P), append(of, m)
		}
	}
	for i, adjusted := range stats.Holm(p) {
		of[i].Resolved = adjusted < 1-stats.Level/100.0 && !of[i].unknown()
	}
}

// values are a metric's, of the rounds that have it.
func values(rounds []round, name string) (v []float64) {
	for _, r := range rounds {
		if x, ok := r[name]; ok {
			v = append(v, x)
		}
	}
	return v
}

// metricNames are those that both sides have, in the order of the tables; parts are the names of the steps and flows.
func metricNames(a, b []round, parts []string) (all []string) {
	both := func(name string) bool { return len(values(a, name)) > 0 && len(values(b, name)) > 0 }
	for _, name := range []string{"rate", "errors", "mean"} {
		if both(name) {
			all = append(all, name)
		}
	}
	for _, name := range series.ComparedNames() {
		if name == series.Service.String() && !both("p50(lag)") { // a closed loop's response is its service
			continue
		}
		for _, p := range verdict.ComparedPercentiles {
			if metric := percentile(p, name); both(metric) {
				all = append(all, metric)
			}
		}
	}
	for _, part := range parts {
		for _, name := range []string{ofPart("errors", part), ofPart("mean", part)} {
			if both(name) {
				all = append(all, name)
			}
		}
		for _, p := range verdict.PartPercentiles {
			if name := percentile(p, part); both(name) {
				all = append(all, name)
			}
		}
	}
	for _, name := range []string{"client_cpu", "client_switches", "client_io", "client_allocs", "server_cpu"} {
		if both(name) {
			all = append(all, name)
		}
	}
	return all
}

func kind(name string) Kind {
	switch of, _, _ := strings.Cut(name, "("); of {
	case "rate":
		return PerSecond
	case "errors":
		return Share
	case "client_switches", "client_io", "client_allocs":
		return Number
	default:
		return Nanoseconds
	}
}

// runToRun is how much the median of a run differs from that of its repetition, as a standard deviation,
// where that cannot be known: twenty runs of 5 s on two shared cores came out at 5 % in a closed loop and at
// 19 % in an open one at 500 calls/s.
const runToRun = 0.2

// rateGrain is how much of an open loop's rate the end of the last call may change.
const rateGrain = 0.001
