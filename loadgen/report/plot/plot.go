// Package plot draws the figures of a report as SVG, which takes its colours
// and its fonts from the page, so that it can be read on light and on dark, and
// names its values to whoever points at them.
package plot

import (
	"bytes"
	"fmt"
	"html"
	"html/template"
	"image/color"
	"math"
	"regexp"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
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

// Width is that of a figure in points, of which text is 12 high; Height is the usual one.
const (
	Width  = 480
	Height = 260
)

// frame is a figure being drawn.
type frame struct {
	*plot.Plot
	figure Figure
	hits   []hit
}

// hit is an area, in data coordinates, that tells its values. Infinite ends are those of the plot.
type hit struct {
	left, right, bottom, top float64
	text                     string
}

func newFrame(title string) *frame {
	f := &frame{Plot: plot.New(), figure: Figure{Title: title}}
	f.BackgroundColor = nil
	for _, axis := range []*plot.Axis{&f.X, &f.Y} {
		axis.Color, axis.Tick.Color, axis.Tick.Label.Color, axis.Label.TextStyle.Color = ink(), ink(), ink(), ink()
		axis.LineStyle.Width, axis.Tick.LineStyle.Width = 0.5, 0.5
		axis.Tick.LineStyle.Color, axis.LineStyle.Color = ink(), ink()
		axis.Tick.Label.Font = labelFont(axis.Tick.Label.Font)
		axis.Padding = 2
	}
	grid := plotter.NewGrid()
	grid.Horizontal = draw.LineStyle{Color: token(gridToken, 0xff), Width: 0.5}
	grid.Vertical = grid.Horizontal
	f.Add(grid)
	return f
}

// key adds a line to the legend and returns its style.
func (f *frame) key(name string) draw.LineStyle {
	n := len(f.figure.Legend)
	f.figure.Legend = append(f.figure.Legend, Key{Name: name, Color: n%Colors + 1})
	style := draw.LineStyle{Color: series(n, 0xff), Width: 1.5}
	if n >= Colors { // the colours begin again
		style.Dashes = []vg.Length{4, 2}
	}
	return style
}

// line draws points, of which those that are not a number part it.
func (f *frame) line(points plotter.XYs, style draw.LineStyle) {
	for len(points) > 0 {
		n := 0
		for n < len(points) && !math.IsNaN(points[n].Y) {
			n++
		}
		if l, err := plotter.NewLine(points[:n]); err == nil && n > 1 {
			l.LineStyle = style
			f.Add(l)
		} else if s, err := plotter.NewScatter(points[:n]); err == nil && n == 1 {
			s.GlyphStyle = draw.GlyphStyle{Color: style.Color, Radius: 1.5, Shape: draw.CircleGlyph{}}
			f.Add(s)
		}
		points = points[min(n+1, len(points)):]
	}
}

// done draws the frame.
func (f *frame) done(height float64) Figure {
	canvas := vgsvg.NewWith(vgsvg.UseWH(Width, vg.Length(height)))
	all := draw.New(canvas)
	all.Max.X -= 6 // the last label's right half
	f.Draw(all)
	var drawn bytes.Buffer
	_, _ = canvas.WriteTo(&drawn) // a buffer takes all
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg class="plot" viewBox="0 0 %d %.0f" role="img" tabindex="0" aria-label="%s">`, Width, height,
		html.EscapeString(f.figure.Alt))
	b.Write(themed(drawn.Bytes()))
	data := f.DataCanvas(all)
	x, y := f.Transforms(&data)
	within := func(v float64, at func(float64) vg.Length, from, to vg.Length) float64 {
		if math.IsInf(v, 0) {
			if v < 0 {
				return float64(from)
			}
			return float64(to)
		}
		return float64(max(from, min(to, at(v))))
	}
	for _, h := range f.hits {
		left, right := within(h.left, x, data.Min.X, data.Max.X), within(h.right, x, data.Min.X, data.Max.X)
		bottom, top := within(h.bottom, y, data.Min.Y, data.Max.Y), within(h.top, y, data.Min.Y, data.Max.Y)
		fmt.Fprintf(&b, `<rect class="hit" x="%.1f" y="%.1f" width="%.1f" height="%.1f"><title>%s</title></rect>`,
			left, height-top, right-left, top-bottom, html.EscapeString(h.text))
	}
	b.WriteString("</svg>")
	f.figure.SVG = template.HTML(b.String()) //nolint:gosec // drawn here, and every text in it is escaped
	return f.figure
}

// Colors is how many the page has for lines: --s1 to --s8.
const Colors = 8

// Beside the lines' numbers, what else the page gives a colour.
const (
	inkToken = 30 - iota
	gridToken
	heatToken
)

// token is a colour that stands for one of the page's; the library takes no names.
func token(n int, alpha uint8) color.Color {
	return color.NRGBA{R: 0, G: 0x10, B: uint8(8*n + 4), A: alpha}
}

func ink() color.Color                      { return token(inkToken, 0xff) }
func series(n int, alpha uint8) color.Color { return token(n%Colors, alpha) }

var (
	tokenPattern = regexp.MustCompile(`#00(?:0F|10)([0-9A-F]{2})`)
	head         = regexp.MustCompile(`(?s)^.*?<svg.*?>\n`)
	textStyle    = regexp.MustCompile(`\s+style="font-family:[^"]*"`)
	text         = regexp.MustCompile(`<text ([^>]*)>([^<]*)</text>`)
	spaces       = regexp.MustCompile(`\n\s*`)
)

// labels is what the library measures labels by.
var labels = font.DefaultCache.Lookup(labelFont(font.Font{Typeface: "Liberation"}), labelSize)

const labelSize = 12

// labelFont is sans, as the page's.
func labelFont(f font.Font) font.Font {
	f.Variant, f.Size = "Sans", labelSize
	return f
}

// themed puts the page's colours and fonts in the place of the library's, and leaves out its head and its end.
func themed(svg []byte) []byte {
	svg = head.ReplaceAll(svg, nil)
	svg = bytes.TrimSuffix(bytes.TrimSpace(svg), []byte("</svg>"))
	svg = textStyle.ReplaceAll(svg, nil)
	// Labels take the room that they were placed by, whatever font the page finds.
	svg = text.ReplaceAllFunc(svg, func(m []byte) []byte {
		parts := text.FindSubmatch(m)
		width := labels.Width(html.UnescapeString(string(parts[2])))
		return fmt.Appendf(nil, `<text textLength="%.1f" lengthAdjust="spacingAndGlyphs" %s>%s</text>`, width.Points(),
			parts[1], parts[2])
	})
	svg = tokenPattern.ReplaceAllFunc(svg, func(m []byte) []byte {
		v, _ := strconv.ParseUint(string(m[5:]), 16, 8) // by the pattern
		switch n := int(v) / 8; n {
		case inkToken:
			return []byte("currentColor")
		case gridToken:
			return []byte("var(--grid)")
		case heatToken:
			return []byte("var(--heat)")
		default:
			return fmt.Appendf(nil, "var(--s%d)", n+1)
		}
	})
	return spaces.ReplaceAll(svg, nil)
}
