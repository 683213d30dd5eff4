package plot

import (
	"fmt"
	"maps"
	"math"
	"slices"
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

// Heat draws how many calls took how long over time.
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
	rows := most - least + 1
	f.heat(columns, cells, math.Log1p(float64(largest)))
	latencyAxis(&f.y, least/heatRows, (least+rows)/heatRows)
	last := columns[len(columns)-1].To
	evenAxis(&f.x, 0, last, func(v float64) string { return Number(v) + " s" })
	f.figure.Rows = [][]string{{"time", "calls"}}
	for _, c := range columns {
		at := Number(c.From) + " to " + Number(c.To) + " s"
		f.figure.Rows = append(f.figure.Rows, []string{at, c.Told})
		f.hits = append(f.hits, hit{c.From, c.To, math.Inf(-1), math.Inf(1), at + "\n" + c.Told})
	}
	f.figure.Alt = fmt.Sprintf("%s: calls by latency over %s s; the darker, the more", title, Number(last))
	return f.done(Height - 40)
}

// heat draws the cells, each as dark as its count's logarithm is of largest, that of the largest count.
func (f *frame) heat(columns []Column, cells []map[int]int64, largest float64) {
	for i, column := range columns {
		for _, band := range slices.Sorted(maps.Keys(cells[i])) {
			shade := math.Round(math.Log1p(float64(cells[i][band]))/largest*shades) / shades
			bottom, top := float64(band)/heatRows, float64(band+1)/heatRows
			f.area([]point{{column.From, bottom}, {column.To, bottom}, {column.To, top}, {column.From, top}},
				style{color: dark, opacity: 0.12 + 0.88*shade})
		}
	}
}
