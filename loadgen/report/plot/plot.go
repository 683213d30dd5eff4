// Package plot draws the figures of a report as SVG, which takes its colours and its fonts from the page, so that it
// can be read on light and on dark, and names its values to whoever points at them.
package plot

import (
	"html/template"
	"math"
)

// Figure is one drawing.
type Figure struct {
	Title string
	// Alt says what is seen to those who do not see it.
	Alt    string
	SVG    template.HTML
	Legend []Key
	// Rows are the values as a table, its head first.
	Rows [][]string
}

// Key names a line by its place among the page's colours, from 1.
type Key struct {
	Name  string
	Color int
}

// Width is that of a figure in units of which text is 12 high; Height is the usual one.
const (
	Width  = 480
	Height = 260
)

// Colors is how many the page has for lines: --s1 to --s8.
const Colors = 8

// frame is a figure being drawn: what is in it waits until its axes are known.
type frame struct {
	figure Figure
	x, y   axis
	shapes []func(*canvas)
	hits   []hit
}

// hit is an area, in data coordinates, that tells its values. Infinite ends are those of the plot.
type hit struct {
	left, right, bottom, top float64
	text                     string
}

// point is a place in data coordinates.
type point struct{ x, y float64 }

func newFrame(title string) *frame { return &frame{figure: Figure{Title: title}} }

// key adds a line to the legend and returns its style.
func (f *frame) key(name string) style {
	n := len(f.figure.Legend)
	f.figure.Legend = append(f.figure.Legend, Key{Name: name, Color: n%Colors + 1})
	return style{color: series(n), width: 1.5, dashed: n >= Colors} // then the colours begin again
}

// line draws points, of which those that are not a number part it; one alone is a dot.
func (f *frame) line(points []point, s style) {
	for len(points) > 0 {
		n := 0
		for n < len(points) && !math.IsNaN(points[n].y) {
			n++
		}
		if n == 1 {
			f.dot(points[0], 1.5, s)
		} else if part := points[:n]; n > 1 {
			f.shapes = append(f.shapes, func(c *canvas) { c.stroke(part, s) })
		}
		points = points[min(n+1, len(points)):]
	}
}

// dot draws a point of a radius.
func (f *frame) dot(p point, radius float64, s style) {
	f.shapes = append(f.shapes, func(c *canvas) { c.dot(p, radius, s) })
}

// area fills what points go around.
func (f *frame) area(points []point, s style) {
	f.shapes = append(f.shapes, func(c *canvas) { c.fill(points, s) })
}

// done draws the frame.
func (f *frame) done(height float64) Figure {
	c := newCanvas(f, height)
	c.axes()
	for _, draw := range f.shapes {
		draw(c)
	}
	for _, h := range f.hits {
		c.hit(h)
	}
	f.figure.SVG = c.end()
	return f.figure
}
