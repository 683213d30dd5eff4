package plot

import (
	"fmt"
	"math"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
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
	var labels []plot.Tick
	for i, v := range all {
		y := float64(len(all) - i)
		labels = append(labels, plot.Tick{Value: y, Label: v.Name})
		low, high = min(low, v.Low/1e3), max(high, v.High/1e3)
		style := draw.LineStyle{Color: series(0, 0xff), Width: 2}
		if v.Faint {
			style.Color = series(0, 0x60)
		}
		f.line(plotter.XYs{{X: v.Low / 1e3, Y: y}, {X: v.High / 1e3, Y: y}}, style)
		if dot, err := plotter.NewScatter(plotter.XYs{{X: v.Value / 1e3, Y: y}}); err == nil {
			dot.GlyphStyle = draw.GlyphStyle{Color: style.Color, Radius: 3, Shape: draw.CircleGlyph{}}
			f.Add(dot)
		}
		f.hits = append(f.hits, hit{math.Inf(-1), math.Inf(1), y - 0.5, y + 0.5, v.Name + "\n" + v.Told})
	}
	margin := (high - low) * 0.03
	evenAxis(&f.X, low-margin, high+margin, func(v float64) string { return Number(v) + " µs" })
	f.Y.Min, f.Y.Max = 0.5, float64(len(all))+0.5
	f.Y.Tick.Marker = plot.ConstantTicks(labels)
	f.Y.Tick.Length = 0
	zero, err := plotter.NewLine(plotter.XYs{{X: 0, Y: f.Y.Min}, {X: 0, Y: f.Y.Max}})
	if err == nil {
		zero.LineStyle = draw.LineStyle{Color: ink(), Width: 1, Dashes: []vg.Length{3, 3}}
		f.Add(zero)
	}
	told := make([]string, len(all))
	for i, v := range all {
		told[i] = v.Name + " " + strings.ReplaceAll(v.Told, "\n", ", ")
	}
	f.figure.Alt = fmt.Sprintf("%s: %s", title, strings.Join(told, "; "))
	return f.done(40 + 18*float64(len(all)))
}
