package plot

import (
	"fmt"
	"math"
	"strings"

	"grpcbench/loadgen/report/number"
)

// Line is a value for each point of time; those that are not a number are left out.
type Line struct {
	Name   string
	Values []float64
}

// Latencies draws nanoseconds over seconds.
func Latencies(title string, seconds []float64, lines ...Line) Figure {
	return overTime(title, seconds, lines, true)
}

// Rates draws numbers per second over seconds.
func Rates(title string, seconds []float64, lines ...Line) Figure {
	return overTime(title, seconds, lines, false)
}

func overTime(title string, seconds []float64, all []Line, latency bool) Figure {
	f := newFrame(title)
	var values []float64
	write := Number
	for _, l := range all {
		var points []point
		for i, v := range l.Values {
			values = append(values, v)
			if latency {
				v = logNs(v)
				if l.Values[i] <= 0 {
					v = math.NaN()
				}
			}
			points = append(points, point{seconds[i], v})
		}
		f.line(points, f.key(l.Name))
	}
	least, most := span(values...)
	if latency {
		write = number.Duration[float64]
		latencyAxis(&f.y, logNs(least), logNs(most))
	} else {
		evenAxis(&f.y, 0, most*1.05, Number)
	}
	last := 1.0
	if len(seconds) > 0 {
		last = seconds[len(seconds)-1]
	}
	evenAxis(&f.x, 0, last, func(v float64) string { return Number(v) + " s" })
	head := append([]string{"time"}, f.names()...)
	f.figure.Rows = [][]string{head}
	for i, at := range seconds {
		row := []string{Number(at) + " s"}
		for _, l := range all {
			cell := ""
			if v := l.Values[i]; !math.IsNaN(v) && (v > 0 || !latency) {
				cell = write(v)
			}
			row = append(row, cell)
		}
		f.figure.Rows = append(f.figure.Rows, row)
		f.hits = append(f.hits, hit{
			middle(seconds, i-1), middle(seconds, i), math.Inf(-1), math.Inf(1),
			lines(head, row),
		})
	}
	f.figure.Alt = fmt.Sprintf("%s over %s s: %s", title, Number(last), strings.Join(f.names(), ", "))
	return f.done(Height - 40)
}

// middle is that between places i and i+1, or the plot's end.
func middle(places []float64, i int) float64 {
	switch {
	case i < 0:
		return math.Inf(-1)
	case i+1 >= len(places):
		return math.Inf(1)
	default:
		return (places[i] + places[i+1]) / 2
	}
}
