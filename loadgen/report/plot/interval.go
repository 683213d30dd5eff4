package plot

import (
	"fmt"
	"math"
	"strings"
)

// Interval is an estimate and its bounds, in nanoseconds.
type Interval struct {
	Name             string
	Value, Low, High float64
	// Faint is one that says nothing for sure: its interval holds zero.
	Faint bool
	Told  string
}

// Intervals draws estimates around zero, the first on top.
func Intervals(title string, all []Interval) Figure {
	f := newFrame(title)
	low, high := 0.0, 0.0
	var labels []tick
	for i, v := range all {
		y := float64(len(all) - i)
		labels = append(labels, tick{y, v.Name})
		low, high = min(low, v.Low/1e3), max(high, v.High/1e3)
		s := style{color: series(0), width: 2}
		if v.Faint {
			s.opacity = 0.38
		}
		f.line([]point{{v.Low / 1e3, y}, {v.High / 1e3, y}}, s)
		f.dot(point{v.Value / 1e3, y}, 3, s)
		f.hits = append(f.hits, hit{math.Inf(-1), math.Inf(1), y - 0.5, y + 0.5, v.Name + "\n" + v.Told})
	}
	margin := (high - low) * 0.03
	evenAxis(&f.x, low-margin, high+margin, func(v float64) string { return Number(v) + " µs" })
	f.y = axis{low: 0.5, high: float64(len(all)) + 0.5, ticks: labels, bare: true}
	f.line([]point{{0, f.y.low}, {0, f.y.high}}, style{color: ink, width: 1, dashed: true})
	told := make([]string, len(all))
	for i, v := range all {
		told[i] = v.Name + " " + strings.ReplaceAll(v.Told, "\n", ", ")
	}
	f.figure.Alt = fmt.Sprintf("%s: %s", title, strings.Join(told, "; "))
	return f.done(40 + 18*float64(len(all)))
}
