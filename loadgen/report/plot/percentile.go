package plot

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"grpcbench/loadgen/report/number"
)

// Curve is a population by its percentiles.
type Curve struct {
	Name   string
	Points []Point // by rising share
}

// Point says that the share of a population is at or below Ns nanoseconds; Low and High bound that at 95 %, and are 0
// where nothing does.
type Point struct {
	Share         float64
	Ns, Low, High int64
}

// Percentiles draws latencies by percentile, on HdrHistogram's axis, with their intervals shaded.
func Percentiles(title string, curves []Curve) Figure {
	f := newFrame(title)
	var values []float64
	var last float64
	for i, c := range curves {
		var line, low, high []point
		for _, p := range c.Points {
			x := beyond(p.Share)
			y := logNs(float64(p.Ns))
			if p.Ns <= 0 {
				y = math.NaN() // it has no logarithm
			}
			line = append(line, point{x, y})
			values = append(values, float64(p.Ns))
			last = max(last, x)
			if p.Low > 0 && p.High > 0 {
				low = append(low, point{x, logNs(float64(p.Low))})
				high = append(high, point{x, logNs(float64(p.High))})
				values = append(values, float64(p.Low), float64(p.High))
			}
		}
		slices.Reverse(high)
		if len(low) > 1 {
			f.area(append(low, high...), style{color: series(i), opacity: 0.22})
		}
		f.line(line, f.key(c.Name))
	}
	least, most := span(values...)
	latencyAxis(&f.y, logNs(least), logNs(most))
	percentileAxis(&f.x, last)
	f.percentileValues(curves)
	f.figure.Alt = fmt.Sprintf("%s: latency from %s to %s by percentile, of %s", title, Time(least), Time(most),
		strings.Join(f.names(), ", "))
	return f.done(Height)
}

// told are the percentiles whose values stand in the table and are told to pointers.
var told = []float64{0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9995, 0.9999, 0.99999, 0.999999}

// percentileValues makes the table, and the areas around its columns' places.
func (f *frame) percentileValues(curves []Curve) {
	head := []string{"percentile"}
	for _, c := range curves {
		head = append(head, c.Name)
	}
	f.figure.Rows = [][]string{head}
	for i, share := range told {
		row, some := []string{number.Percentile(math.Round(share*1e8) / 1e6)}, false
		for _, c := range curves {
			cell := ""
			if p, ok := c.at(share); ok {
				cell, some = number.Duration(p.Ns), true
				if p.Low > 0 && p.High > 0 {
					cell += " (" + number.Duration(p.Low) + " to " + number.Duration(p.High) + ")"
				}
			}
			row = append(row, cell)
		}
		if !some {
			continue
		}
		f.figure.Rows = append(f.figure.Rows, row)
		from, to := math.Inf(-1), math.Inf(1)
		if i > 0 {
			from = (beyond(told[i-1]) + beyond(share)) / 2
		}
		if i+1 < len(told) {
			to = (beyond(share) + beyond(told[i+1])) / 2
		}
		f.hits = append(f.hits, hit{from, to, math.Inf(-1), math.Inf(1), lines(head, row)})
	}
}

// at is the curve's point at a share, which all curves have their points at.
func (c Curve) at(share float64) (Point, bool) {
	i := slices.IndexFunc(c.Points, func(p Point) bool { return math.Abs(p.Share-share) < 1e-9 })
	if i < 0 {
		return Point{}, false
	}
	return c.Points[i], true
}

// Shares are those a curve is drawn by, as far as n values support them: at least one lies beyond. They hold those
// told.
func Shares(n int64) []float64 {
	shares := slices.Clone(told)
	for x := 0.05; x < 7; x += 0.1 {
		shares = append(shares, 1-math.Pow(10, -x))
	}
	slices.Sort(shares)
	return slices.DeleteFunc(shares, func(share float64) bool { return float64(n)*(1-share) < 1 })
}

// names are those of the legend.
func (f *frame) names() (names []string) {
	for _, k := range f.figure.Legend {
		names = append(names, k.Name)
	}
	return names
}

// lines joins a row's cells with their head, a line each.
func lines(head, row []string) string {
	all := []string{row[0]}
	for i, cell := range row[1:] {
		if cell != "" {
			all = append(all, head[i+1]+": "+cell)
		}
	}
	return strings.Join(all, "\n")
}
