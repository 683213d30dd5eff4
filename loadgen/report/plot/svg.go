package plot

import (
	"bytes"
	"fmt"
	"html"
	"html/template"
	"unicode/utf8"
)

// style is how a shape is drawn. Its color is a CSS value, which the page defines.
type style struct {
	color   string
	opacity float64 // 0 is all
	width   float64
	dashed  bool
}

// The page's colours, beside those of lines.
const (
	ink  = "currentColor"
	grid = "var(--grid)"
	dark = "var(--heat)"
)

// series is the colour of the n-th line, from 0.
func series(n int) string { return fmt.Sprintf("var(--s%d)", n%Colors+1) }

// canvas is the SVG of a frame, and where in it the data lies.
type canvas struct {
	bytes.Buffer
	x, y                     axis
	left, right, top, bottom float64
}

// The room around the data. Labels are measured by how wide a letter of 12 is in the widest of the usual fonts: which
// of them the page will find is not known.
const (
	letter   = 7.7
	tickSize = 4
	under    = 22 // below the data, for the labels of x
	over     = 6
)

func newCanvas(f *frame, height float64) *canvas {
	c := &canvas{x: f.x, y: f.y, top: over, bottom: height - under}
	fmt.Fprintf(c, `<svg class="plot" viewBox="0 0 %d %.0f" role="img" tabindex="0" aria-label="%s">`, Width, height,
		html.EscapeString(f.figure.Alt))
	for _, t := range c.y.ticks {
		c.left = max(c.left, letter*float64(utf8.RuneCountInString(t.label)))
	}
	c.left = min(c.left, Width/2) + 2*tickSize
	c.right = Width - 2*tickSize
	if n := len(c.x.ticks); n > 0 { // half of the last label is beyond its place
		c.right = Width - letter/2*float64(utf8.RuneCountInString(c.x.ticks[n-1].label))
	}
	return c
}

// end is all that was drawn.
func (c *canvas) end() template.HTML {
	c.WriteString("</svg>")
	return template.HTML(c.String()) //nolint:gosec // drawn here, and every text in it is escaped
}

// place is where a point lies, in the SVG's units, from the top left. What is beyond an axis's end lies there.
func (c *canvas) place(p point) (x, y float64) {
	return c.left + c.x.share(p.x)*(c.right-c.left), c.bottom - c.y.share(p.y)*(c.bottom-c.top)
}

// axes draws the grid, both axes and their labels.
func (c *canvas) axes() {
	var lines, marks bytes.Buffer
	fmt.Fprintf(&marks, "M%.1f,%.1fV%.1fH%.1f", c.left, c.top, c.bottom, c.right)
	for _, t := range c.x.ticks {
		x, _ := c.place(point{t.at, c.y.low})
		fmt.Fprintf(&lines, "M%.1f,%.1fV%.1f", x, c.top, c.bottom)
		fmt.Fprintf(&marks, "M%.1f,%.1fv%d", x, c.bottom, tickSize)
		c.label(x, c.bottom+under-5, "middle", t.label)
	}
	for _, t := range c.y.ticks {
		_, y := c.place(point{c.x.low, t.at})
		fmt.Fprintf(&lines, "M%.1f,%.1fH%.1f", c.left, y, c.right)
		if !c.y.bare {
			fmt.Fprintf(&marks, "M%.1f,%.1fh-%d", c.left, y, tickSize)
		}
		c.label(c.left-1.5*tickSize, y+4, "end", t.label)
	}
	for _, l := range []struct {
		path  *bytes.Buffer
		color string
	}{{&lines, grid}, {&marks, ink}} {
		fmt.Fprintf(c, `<path d="%s" style="fill:none;stroke:%s;stroke-width:.5"/>`, l.path, l.color)
	}
}

func (c *canvas) label(x, y float64, anchor, text string) {
	fmt.Fprintf(c, `<text x="%.1f" y="%.1f" text-anchor="%s">%s</text>`, x, y, anchor, html.EscapeString(text))
}

// path begins an element that goes through points.
func (c *canvas) path(points []point) {
	c.WriteString(`<path d="`)
	for i, p := range points {
		x, y := c.place(p)
		fmt.Fprintf(c, "%c%.1f,%.1f", "ML"[min(i, 1)], x, y)
	}
}

// stroke draws a line through points.
func (c *canvas) stroke(points []point, s style) {
	c.path(points)
	fmt.Fprintf(c, `" style="fill:none;stroke:%s;stroke-width:%g;stroke-linejoin:round`, s.color, s.width)
	if s.dashed {
		c.WriteString(";stroke-dasharray:4,2")
	}
	c.finish("stroke", s)
}

// fill paints what points go around.
func (c *canvas) fill(points []point, s style) {
	c.path(points)
	fmt.Fprintf(c, `Z" style="fill:%s`, s.color)
	c.finish("fill", s)
}

func (c *canvas) dot(p point, radius float64, s style) {
	x, y := c.place(p)
	fmt.Fprintf(c, `<circle cx="%.1f" cy="%.1f" r="%g" style="fill:%s`, x, y, radius, s.color)
	c.finish("fill", s)
}

// finish ends a shape. What is "stroke" or "fill": the style's opacity is that one's.
func (c *canvas) finish(what string, s style) {
	if s.opacity > 0 {
		fmt.Fprintf(c, ";%s-opacity:%.2g", what, s.opacity)
	}
	c.WriteString(`"/>`)
}

// hit adds an area that tells its values.
func (c *canvas) hit(h hit) {
	left, top := c.place(point{h.left, h.top})
	right, bottom := c.place(point{h.right, h.bottom})
	fmt.Fprintf(c, `<rect class="hit" x="%.1f" y="%.1f" width="%.1f" height="%.1f"><title>%s</title></rect>`,
		left, top, right-left, bottom-top, html.EscapeString(h.text))
}
