package compare

import (
	"fmt"
	"math"
	"slices"
	"time"

	"grpcbench/loadgen/result"
	"grpcbench/loadgen/stats"
	"grpcbench/loadgen/verdict"
)

// A round is one observation of every metric that it has: a run or, where there are too few of them, a stretch of one.
type round map[string]float64

// fewestRuns a side are compared as they are: one says nothing about how much runs differ by themselves, and two so
// little that of a doubled latency they show a quarter. Five show it all.
const fewestRuns = 3

// stretches are what the runs of a side are cut into where there are fewer, and the fewest of a run.
const (
	stretches       = 10
	fewestStretches = 4
)

// runRounds makes a round of each run.
func runRounds(runs []*result.Document) (all []round) {
	for _, d := range runs {
		r := round{
			"rate":       d.Rate.Achieved,
			"client_cpu": d.Client.CPUMicrosPerCall * 1e3,
		}
		if d.Counts.OK+d.Counts.Failed+d.Counts.Unfinished > 0 {
			r["errors"] = d.Failures()
		}
		if seconds := float64(d.DurationNs) / 1e9; d.Client.ContextSwitches > 0 && seconds > 0 {
			r["client_switches"] = float64(d.Client.ContextSwitches) / seconds
		}
		if calls := float64(d.Counts.Sent); calls > 0 && d.Client.IOCalls > 0 {
			r["client_io"] = float64(d.Client.IOCalls) / calls
			r["client_allocs"] = float64(d.Client.AllocObjects) / calls
		}
		if d.Server != nil {
			r["server_cpu"] = d.Server.CPUMicrosPerCall * 1e3
		}
		for series, l := range d.Latency {
			if series == "response" && l.Count > 0 {
				r["mean"] = l.MeanNs
			}
			r.add(l, series, verdict.ComparedPercentiles)
		}
		for _, p := range d.Parts() {
			if p.Counts.OK+p.Counts.Failed+p.Counts.Unfinished > 0 {
				r[ofPart("errors", p.Name)] = p.Failures()
			}
			l := p.Latency["response"]
			if l.Count > 0 {
				r[ofPart("mean", p.Name)] = l.MeanNs
			}
			r.add(l, p.Name, verdict.PartPercentiles)
		}
		all = append(all, r)
	}
	return all
}

// add adds the percentiles of a series or, of a step or a flow, the response's.
func (r round) add(l result.Latency, name string, percentiles []float64) {
	for _, p := range percentiles {
		if x, ok := l.At(p); ok && l.Count > 0 {
			r[percentile(p, name)] = float64(x.Ns)
		}
	}
}

// percentile is the metric's name: of a series, or of the response times of a step or a flow.
func percentile(p float64, name string) string {
	if name == "response" {
		return fmt.Sprintf("p%v", p)
	}
	return ofPart(fmt.Sprintf("p%v", p), name)
}

// ofPart is the name of a step's or a flow's metric.
func ofPart(metric, name string) string { return metric + "(" + name + ")" }

// stretchRounds cuts runs into stretches of equal length, whole seconds each.
func stretchRounds(runs []*result.Document) (all []round, length time.Duration, err error) {
	each := max((stretches+len(runs)-1)/len(runs), fewestStretches)
	for _, d := range runs {
		course, err := result.ReadCourse(d.Folder)
		if err != nil {
			return nil, 0, err
		}
		spans := course.Spans
		if n := len(spans); n > 1 && spans[n-1].End-spans[n-1].Start < spans[0].End/2 {
			spans = spans[:n-1] // what was left of a second
		}
		parts := min(each, len(spans))
		if parts < fewestStretches {
			return nil, 0, fmt.Errorf("%s is too short to be compared alone: %d seconds, want %d, or %d runs a side",
				d.Folder, len(spans), fewestStretches, fewestRuns)
		}
		for i := range parts {
			from, to := i*len(spans)/parts, (i+1)*len(spans)/parts
			r := stretchRound(d.Series[min(from, len(d.Series)):min(to, len(d.Series))], spans[from:to])
			for _, p := range d.Parts() {
				if of := course.Part(p.Name); len(of) >= to {
					r.addSpans(of[from:to], p.Name, ofPart("mean", p.Name), verdict.PartPercentiles)
				}
			}
			all = append(all, r)
			length = spans[to-1].End - spans[from].Start
		}
	}
	return all, length, nil
}

// stretchRound sums up some seconds of a run.
func stretchRound(points []result.Point, spans []result.Span) round {
	r := round{}
	var calls, unanswered, failed, cpu int64
	for _, p := range points {
		calls += p.OK + p.Failed
		unanswered += p.Unfinished
		failed += p.Failed
		cpu += p.ClientCPUNs
	}
	r["rate"] = float64(calls) / (spans[len(spans)-1].End - spans[0].Start).Seconds()
	if calls+unanswered > 0 {
		r["errors"] = float64(failed+unanswered) / float64(calls+unanswered)
	}
	if calls > 0 && cpu > 0 {
		r["client_cpu"] = float64(cpu) / float64(calls)
	}
	r.addSpans(spans, "response", "mean", verdict.ComparedPercentiles)
	return r
}

// addSpans adds the mean, under its name, and the percentiles of what was recorded in some seconds.
func (r round) addSpans(spans []result.Span, name, mean string, percentiles []float64) {
	counts := merged(spans)
	var n int64
	var sum float64
	for _, c := range counts {
		n += c.N
		sum += float64(c.Ns) * float64(c.N)
	}
	if n == 0 {
		return
	}
	r[mean] = sum / float64(n)
	for _, p := range percentiles {
		if stats.Supported(n, p) {
			rank := math.Ceil(p*float64(n)/100 - 1e-6) // 99.9 is a little off
			r[percentile(p, name)] = float64(atRank(counts, int64(rank)))
		}
	}
}

// merged are the counts of all spans, by latency.
func merged(spans []result.Span) []result.Count {
	of := map[int64]int64{}
	for _, s := range spans {
		for _, c := range s.Counts {
			of[c.Ns] += c.N
		}
	}
	all := make([]result.Count, 0, len(of))
	for ns, n := range of {
		all = append(all, result.Count{Ns: ns, N: n})
	}
	slices.SortFunc(all, func(a, b result.Count) int { return int(min(1, max(-1, a.Ns-b.Ns))) })
	return all
}

// atRank is the value of a rank, from 1.
func atRank(counts []result.Count, rank int64) int64 {
	for _, c := range counts {
		rank -= c.N
		if rank <= 0 {
			return c.Ns
		}
	}
	return 0
}
