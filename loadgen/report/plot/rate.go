package plot

import (
	"fmt"
	"math"
	"strings"

	"grpcbench/loadgen/report/number"
)

// RateLine is a latency by the rate at which it was measured, by rising rate.
type RateLine struct {
	Name   string
	Points []RatePoint
}

// RatePoint is a latency, in nanoseconds, at a rate in calls a second.
type RatePoint struct {
	Rate float64
	Ns   int64
}

// RateMark is a rate that is drawn as an upright line.
type RateMark struct {
	Rate float64
	Name string
}

// ByRate draws latencies over the rate.
func ByRate(title string, marks []RateMark, all ...RateLine) Figure {
	f := newFrame(title)
	var values []float64
	var rates []float64
	least, most := math.Inf(1), 0.0
	for _, l := range all {
		var points []point
		for _, p := range l.Points {
			points = append(points, point{p.Rate, logNs(float64(p.Ns))})
			values = append(values, float64(p.Ns))
			least, most = min(least, p.Rate), max(most, p.Rate)
			if len(rates) == 0 || rates[len(rates)-1] != p.Rate && l.Name == all[0].Name {
				rates = append(rates, p.Rate)
			}
		}
		f.line(points, f.key(l.Name))
	}
	low, high := span(values...)
	for _, m := range marks {
		f.line([]point{{m.Rate, logNs(low)}, {m.Rate, logNs(high)}}, f.key(m.Name))
		least, most = min(least, m.Rate), max(most, m.Rate)
	}
	latencyAxis(&f.y, logNs(low), logNs(high))
	evenAxis(&f.x, 0, max(most*1.02, 1), func(v float64) string { return Number(v) + "/s" })
	head := []string{"calls/s"}
	for _, l := range all {
		head = append(head, l.Name)
	}
	f.figure.Rows = [][]string{head}
	for i, rate := range rates {
		row := []string{Number(rate)}
		for _, l := range all {
			cell := ""
			for _, p := range l.Points {
				if p.Rate == rate {
					cell = number.Duration(p.Ns)
				}
			}
			row = append(row, cell)
		}
		f.figure.Rows = append(f.figure.Rows, row)
		f.hits = append(f.hits, hit{middle(rates, i-1), middle(rates, i), math.Inf(-1), math.Inf(1), lines(head, row)})
	}
	f.figure.Alt = fmt.Sprintf("%s: %s, from %s to %s calls a second", title, strings.Join(head[1:], ", "),
		Number(least), Number(most))
	return f.done(Height)
}
