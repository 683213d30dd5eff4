package plot

import (
	"fmt"
	"image/color"
	"math"

	"gonum.org/v1/plot/plotter"
)

// Column is what was counted in a span of time: how many calls by latency.
type Column struct {
	From, To float64 // seconds
	Counts   []Count
	// Told is what is said of the column where one points at it.
	Told string
}

// Count is how many took Ns nanoseconds.
type Count struct{ Ns, N int64 }

// heatRows is how many bands a decade of latency has.
const heatRows = 10

// shades a cell can have; its opacity rises with the logarithm of its count.
const shades = 12

// Heat draws how many calls took how long over time. Columns are of one width.
func Heat(title string, columns []Column) Figure {
	f := newFrame(title)
	least, most := math.Inf(1), math.Inf(-1)
	var largest int64
	cells := make([]map[int]int64, len(columns))
	band := func(ns int64) int { return int(math.Floor(logNs(float64(ns)) * heatRows)) }
	for i, c := range columns {
		cells[i] = map[int]int64{}
		for _, n := range c.Counts {
			b := band(n.Ns)
			cells[i][b] += n.N
			least, most = min(least, float64(b)), max(most, float64(b))
			largest = max(largest, cells[i][b])
		}
	}
	if largest == 0 {
		return Figure{}
	}
	g := grid{columns: columns, cells: cells, first: int(least), rows: int(most-least) + 1, top: math.Log1p(float64(largest))}
	if g.rows == 1 { // the library wants the distance of two
		g.rows = 2
	}
	heat := plotter.NewHeatMap(g, shadesOf{})
	heat.Min, heat.Max = 0, 1
	f.Add(heat)
	latencyAxis(&f.Y, least/heatRows, (least+float64(g.rows))/heatRows)
	last := columns[len(columns)-1].To
	evenAxis(&f.X, 0, last, func(v float64) string { return Number(v) + " s" })
	f.figure.Rows = [][]string{{"time", "calls"}}
	for _, c := range columns {
		at := Number(c.From) + " to " + Number(c.To) + " s"
		f.figure.Rows = append(f.figure.Rows, []string{at, c.Told})
		f.hits = append(f.hits, hit{c.From, c.To, math.Inf(-1), math.Inf(1), at + "\n" + c.Told})
	}
	f.figure.Alt = fmt.Sprintf("%s: calls by latency over %s s; the darker, the more", title, Number(last))
	return f.done(Height - 40)
}

// grid is the library's view of the cells.
type grid struct {
	columns     []Column
	cells       []map[int]int64
	first, rows int
	top         float64
}

func (g grid) Dims() (c, r int) { return max(2, len(g.columns)), g.rows }

func (g grid) X(c int) float64 {
	if c >= len(g.columns) { // a lone column's neighbour, for its width
		return g.X(c-1) + g.columns[0].To - g.columns[0].From
	}
	return (g.columns[c].From + g.columns[c].To) / 2
}

func (g grid) Y(r int) float64 { return (float64(g.first+r) + 0.5) / heatRows }

// Z is a cell's shade between 0 and 1; an empty one has none.
func (g grid) Z(c, r int) float64 {
	if c >= len(g.columns) || g.cells[c][g.first+r] == 0 {
		return math.NaN()
	}
	return math.Log1p(float64(g.cells[c][g.first+r])) / g.top
}

type shadesOf struct{}

func (shadesOf) Colors() []color.Color {
	all := make([]color.Color, shades)
	for i := range all {
		all[i] = token(heatToken, uint8(30+225*i/(shades-1)))
	}
	return all
}
