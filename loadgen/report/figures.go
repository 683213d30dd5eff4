package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/HdrHistogram/hdrhistogram-go"

	"grpcbench/loadgen/report/number"
	"grpcbench/loadgen/report/plot"
	"grpcbench/loadgen/result"
	"grpcbench/loadgen/stats"
)

// curveFromHistogram is a population by its percentiles; with bounds where effective, which
// is how many independent values it is worth, is not 0.
func curveFromHistogram(name string, h *hdrhistogram.Histogram, effective int64) plot.Curve {
	c := plot.Curve{Name: name}
	n := h.TotalCount()
	at := func(share float64) int64 { return h.ValueAtPercentile(100 * share) }
	for _, share := range plot.Shares(n) {
		p := plot.Point{Share: share, Ns: at(share)}
		if effective > 0 && stats.Supported(n, 100*share) {
			p.Low, p.High = result.Bounds(h, effective, share)
		}
		c.Points = append(c.Points, p)
	}
	return c
}

// curveFromPercentiles is a population of which only the document's percentiles are: its log is not there.
func curveFromPercentiles(name string, l result.Latency) plot.Curve {
	c := plot.Curve{Name: name}
	for _, p := range l.Percentiles {
		if p.P <= 0 || p.P >= 100 {
			continue // not of ours
		}
		c.Points = append(c.Points, plot.Point{Share: p.P / 100, Ns: p.Ns, Low: p.LowNs, High: p.HighNs})
	}
	return c
}

// responseCurve is a run's headline.
func responseCurve(name string, d *result.Document, course *result.Course) plot.Curve {
	name = boundedName(name, d.Latency["response"])
	if h := course.Series["response"]; h != nil && h.TotalCount() > 0 {
		return curveFromHistogram(name, h, d.Latency["response"].EffectiveCount)
	}
	return curveFromPercentiles(name, d.Latency["response"])
}

// boundedName says from where on a curve is a lower bound only, if it is anywhere.
func boundedName(name string, l result.Latency) string {
	if l.Censored == 0 || l.Count == 0 {
		return name
	}
	known := 100 * float64(l.Count-l.Censored) / float64(l.Count)
	return name + ", at least, above " + number.Percentile(math.Floor(known*100)/100)
}

// runFigures are those of one run.
func runFigures(d *result.Document, course *result.Course) (all []plot.Figure) {
	add := func(f plot.Figure) {
		if f.SVG != "" {
			all = append(all, f)
		}
	}
	calls := []plot.Curve{responseCurve("response", d, course)}
	var messages []plot.Curve
	for _, s := range seriesOrder(d) {
		name := boundedName(s, d.Latency[s])
		c := curveFromPercentiles(name, d.Latency[s])
		if h := course.Series[s]; h != nil {
			c = curveFromHistogram(name, h, 0)
		}
		switch s {
		case "response", "pacing":
		case "service", "lag":
			calls = append(calls, c)
		default:
			messages = append(messages, c)
		}
	}
	if len(calls[0].Points) > 0 {
		add(plot.Percentiles("Latency by percentile", calls))
	}
	if len(messages) > 0 {
		add(plot.Percentiles("Within the calls, by percentile", messages))
	}
	if len(d.Series) > 1 {
		add(latencyOverTime(d))
		add(ratesOverTime(d))
	}
	if len(course.Spans) > 1 {
		add(plot.Heat("Calls by latency over time", heatColumns(course.Spans)))
	}
	return all
}

// mostPoints of time that a figure shows; of longer runs neighbours are put together.
const mostPoints = 60

func latencyOverTime(d *result.Document) plot.Figure {
	var at, p50, p99, most []float64
	for points := range slices.Chunk(d.Series, (len(d.Series)+mostPoints-1)/mostPoints) {
		// Of seconds put together the worst are told: medians of medians would hide them.
		worst := func(of func(result.Point) int64) float64 {
			return float64(of(slices.MaxFunc(points, func(a, b result.Point) int { return cmp.Compare(of(a), of(b)) })))
		}
		at = append(at, points[len(points)-1].TS)
		p50 = append(p50, worst(func(p result.Point) int64 { return p.P50Ns }))
		p99 = append(p99, worst(func(p result.Point) int64 { return p.P99Ns }))
		most = append(most, worst(func(p result.Point) int64 { return p.MaxNs }))
	}
	title := "Latency over time"
	if slices.ContainsFunc(d.Series, func(p result.Point) bool { return p.Censored > 0 }) {
		title += "; where calls were never answered, at least so much"
	}
	return plot.Latencies(title, at,
		plot.Line{Name: "p50", Values: p50}, plot.Line{Name: "p99", Values: p99}, plot.Line{Name: "max", Values: most})
}

func ratesOverTime(d *result.Document) plot.Figure {
	var at, sent, ok, failed []float64
	last := 0.0
	for points := range slices.Chunk(d.Series, (len(d.Series)+mostPoints-1)/mostPoints) {
		var s, o, f int64
		for _, p := range points {
			s, o, f = s+p.Sent, o+p.OK, f+p.Failed
		}
		end := points[len(points)-1].TS
		length := max(end-last, 1e-3)
		at = append(at, end)
		sent, ok, failed = append(sent, float64(s)/length), append(ok, float64(o)/length),
			append(failed, float64(f)/length)
		last = end
	}
	lines := []plot.Line{{Name: "calls/s", Values: sent}}
	if slices.Max(failed) > 0 {
		lines = append(lines, plot.Line{Name: "ok/s", Values: ok}, plot.Line{Name: "failed/s", Values: failed})
	}
	return plot.Rates("Calls over time", at, lines...)
}

// heatColumns put a run's seconds into those of a heat map.
func heatColumns(spans []result.Span) (all []plot.Column) {
	each := (len(spans) + mostPoints - 1) / mostPoints
	for group := range slices.Chunk(spans, each) {
		c := plot.Column{From: group[0].Start.Seconds(), To: group[len(group)-1].End.Seconds()}
		var n, most int64
		for _, s := range group {
			for _, of := range s.Counts {
				c.Counts = append(c.Counts, plot.Count(of))
				n, most = n+of.N, max(most, of.Ns)
			}
		}
		c.Told = number.Count(n) + " calls"
		if n > 0 {
			slices.SortFunc(c.Counts, func(a, b plot.Count) int { return cmp.Compare(a.Ns, b.Ns) })
			c.Told += fmt.Sprintf(", p50 %s, p99 %s, max %s", number.Duration(at(c.Counts, n, 0.5)),
				number.Duration(at(c.Counts, n, 0.99)), number.Duration(most))
		}
		all = append(all, c)
	}
	return all
}

// at is the value of the nearest rank to a share of n sorted counts.
func at(counts []plot.Count, n int64, share float64) int64 {
	rank := max(1, int64(math.Ceil(share*float64(n))))
	for _, c := range counts {
		rank -= c.N
		if rank <= 0 {
			return c.Ns
		}
	}
	return 0
}

// costFigure draws a table's costs around zero.
func costFigure(title string, costs []result.Cost) plot.Figure {
	var all []plot.Interval
	for _, c := range costs {
		if c.Latency.Low == nil {
			continue
		}
		name := c.Name
		if c.Check() {
			name = "check: " + name
		}
		told := micros(c.Latency.Value) + " (" + between(c.Latency) + ")"
		if !c.Check() && !c.Resolved {
			told += "\nnot resolved: |cost| < " + micros(c.Latency.Below())
		}
		all = append(all, plot.Interval{
			Name: name, Value: c.Latency.Value, Low: *c.Latency.Low, High: *c.Latency.High,
			Faint: c.Check() || !c.Resolved, Told: told,
		})
	}
	if len(all) == 0 {
		return plot.Figure{}
	}
	return plot.Intervals(title, all)
}
