package plot

import (
	"encoding/binary"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const hostile = `<script>alert("x")</script> & 'y' ]]>`

// drawn is what a figure's SVG holds.
type drawn struct {
	hits           []area
	labels, shapes int
	points         [][2]float64
}

type area struct {
	x, y, width, height float64
	title               string
}

var (
	fixedColour  = regexp.MustCompile(`#[0-9A-Fa-f]{3,8}\b|rgba?\(|\b(black|white|red|green|blue)\b`)
	pointPattern = regexp.MustCompile(`[ML]([-\d.]+),([-\d.]+)`)
	notANumber   = regexp.MustCompile(`NaN|Inf`)
)

// parse reads a figure's SVG as XML, and fails what no figure may have.
func parse(t *testing.T, f Figure) (d drawn) {
	t.Helper()
	var open []string
	for dec := xml.NewDecoder(strings.NewReader(string(f.SVG))); ; {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%s: not XML: %v\n%s", f.Title, err, f.SVG)
		}
		switch e := token.(type) {
		case xml.StartElement:
			open = append(open, e.Name.Local)
			d.start(t, f, e)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if len(open) > 0 && open[len(open)-1] == "title" {
				d.hits[len(d.hits)-1].title += string(e)
			}
		}
	}
	if len(open) > 0 || d.shapes == 0 || d.labels < 2 {
		t.Errorf("%s: %d elements are open, %d shapes, %d labels", f.Title, len(open), d.shapes, d.labels)
	}
	return d
}

func (d *drawn) start(t *testing.T, f Figure, e xml.StartElement) {
	t.Helper()
	of := map[string]string{}
	for _, a := range e.Attr {
		of[a.Name.Local] = a.Value
		if a.Name.Local == "aria-label" {
			continue // text
		}
		if fixedColour.MatchString(a.Value) || strings.Contains(a.Value, "font") ||
			strings.HasPrefix(a.Name.Local, "on") {
			t.Errorf("%s: <%s %s=%q> is not the page's", f.Title, e.Name.Local, a.Name.Local, a.Value)
		}
		if notANumber.MatchString(a.Value) {
			t.Errorf("%s: <%s %s=%q> is no place", f.Title, e.Name.Local, a.Name.Local, a.Value)
		}
	}
	switch e.Name.Local {
	case "svg":
		if of["aria-label"] != f.Alt || f.Alt == "" {
			t.Errorf("%s is labelled %q, want %q", f.Title, of["aria-label"], f.Alt)
		}
	case "text":
		d.labels++
	case "path", "circle":
		d.shapes++
		for _, m := range pointPattern.FindAllStringSubmatch(of["d"], -1) {
			x, _ := strconv.ParseFloat(m[1], 64)
			y, _ := strconv.ParseFloat(m[2], 64)
			d.points = append(d.points, [2]float64{x, y})
		}
	case "rect":
		var a area
		for key, v := range map[string]*float64{"x": &a.x, "y": &a.y, "width": &a.width, "height": &a.height} {
			n, err := strconv.ParseFloat(of[key], 64)
			if err != nil {
				t.Errorf("%s: a hit's %s: %v", f.Title, key, err)
			}
			*v = n
		}
		d.hits = append(d.hits, a)
	case "g", "title":
	default:
		t.Errorf("%s: holds <%s>", f.Title, e.Name.Local)
	}
}

// check fails a figure that no page may show.
func check(t *testing.T, f Figure, height float64) drawn {
	t.Helper()
	d := parse(t, f)
	for _, h := range d.hits {
		if h.x < 0 || h.y < 0 || h.width < 0 || h.height < 0 || h.x+h.width > Width+0.1 || h.y+h.height > height+0.1 {
			t.Errorf("%s: the hit %+v is not within %d by %v", f.Title, h, Width, height)
		}
		if h.title == "" {
			t.Errorf("%s: a hit tells nothing", f.Title)
		}
	}
	for _, p := range d.points {
		if p[0] < 0 || p[1] < 0 || p[0] > Width+0.1 || p[1] > height+0.1 {
			t.Errorf("%s: a shape reaches to %v, which is not within %d by %v", f.Title, p, Width, height)
		}
	}
	for i, row := range f.Rows {
		if len(row) != len(f.Rows[0]) {
			t.Errorf("%s: row %d has %d cells below %d", f.Title, i, len(row), len(f.Rows[0]))
		}
	}
	for i, row := range f.Rows[min(1, len(f.Rows)):] {
		for _, cell := range row {
			if !strings.Contains(d.hits[i].title, cell) {
				t.Errorf("%s: pointing at place %d tells %q, the table %q", f.Title, i, d.hits[i].title, cell)
			}
		}
	}
	return d
}

// points are a curve by its values, which rise with their shares.
func points(ns ...int64) (all []Point) {
	slices.Sort(ns)
	for i, v := range ns {
		all = append(all, Point{Share: float64(i+1) / float64(len(ns)+1), Ns: v})
	}
	return all
}

// everyKind draws the values as every kind of figure.
func everyKind(t *testing.T, name string, ns ...int64) {
	t.Helper()
	var seconds, values []float64
	columns := []Column{{To: 1, Told: name}}
	var intervals []Interval
	for i, v := range ns {
		seconds, values = append(seconds, float64(i+1)), append(values, float64(v))
		columns = append(columns, Column{
			From: float64(i + 1), To: float64(i + 2), Counts: []Count{{v, int64(i + 1)}},
			Told: name,
		})
		intervals = append(intervals, Interval{
			Name: name, Value: float64(v), Low: -float64(v), High: 2 * float64(v),
			Faint: i%2 == 0, Told: name,
		})
	}
	check(t, Percentiles(name, []Curve{{Name: name, Points: points(ns...)}, {Name: name}}), Height)
	check(t, Latencies(name, seconds, Line{name, values}), Height-40)
	check(t, Rates(name, seconds, Line{name, values}, Line{name, make([]float64, len(values))}), Height-40)
	if len(ns) > 0 {
		check(t, Heat(name, columns), Height-40)
		check(t, Intervals(name, intervals), 40+18*float64(len(ns)))
	}
}

const hour = 3_600_000_000_000

func TestEveryKind(t *testing.T) {
	for _, tt := range []struct {
		reason string
		ns     []int64
	}{
		{"nothing was measured", nil},
		{"one value", []int64{123_456}},
		{"all equal", []int64{5000, 5000, 5000, 5000}},
		{"a clock that did not move", []int64{0, 0, 0}},
		{"a zero among values", []int64{0, 1000, 2000}},
		{"the least that can be measured", []int64{1, 1, 2}},
		{"from the least to the most", []int64{1, 10, hour}},
		{"hours", []int64{hour, hour + 1, hour + 2}},
		{"neighbours", []int64{1_000_000, 1_000_001}},
	} {
		t.Run(tt.reason, func(t *testing.T) { everyKind(t, tt.reason, tt.ns...) })
	}
}

// Names come from labels and servers: in a drawing they are text.
func TestEveryTextIsEscaped(t *testing.T) {
	everyKind(t, hostile, 1000, 2000, 3000) // parse knows no <script>
	d := check(t, Rates(hostile, []float64{1}, Line{hostile, []float64{5}}), Height-40)
	if want := "1 s\n" + hostile + ": 5"; d.hits[0].title != want {
		t.Errorf("pointing tells %q, want %q", d.hits[0].title, want)
	}
}

// More lines than colours are told apart all the same.
func TestManyLines(t *testing.T) {
	var curves []Curve
	for i := range Colors + 3 {
		curves = append(curves, Curve{Name: strconv.Itoa(i), Points: points(int64(1000*(i+1)), int64(2000*(i+1)))})
	}
	f := Percentiles("many", curves)
	check(t, f, Height)
	if n := strings.Count(string(f.SVG), "stroke-dasharray"); n != 3 {
		t.Errorf("%d lines are dashed, want the 3 whose colours were used before", n)
	}
	for i, k := range f.Legend {
		if k.Name != strconv.Itoa(i) || k.Color != i%Colors+1 ||
			!strings.Contains(string(f.SVG), "var(--s"+strconv.Itoa(k.Color)+")") {
			t.Errorf("line %d is called %+v", i, k)
		}
	}
}

func TestPercentiles(t *testing.T) {
	f := Percentiles("latency", []Curve{
		{"response", []Point{
			{0.5, 1000, 900, 1100},
			{0.62, 1500, 0, 0},
			{0.9, 2000, 1800, 0},
			{0.99, 1_234_567, 0, 0},
		}},
		{"service", []Point{{0.5, 800, 0, 0}, {0.75, 900, 0, 0}}},
	})
	want := [][]string{
		{"percentile", "response", "service"},
		{"p50", "1.00 µs (900 ns to 1.10 µs)", "800 ns"},
		{"p75", "", "900 ns"},
		{"p90", "2.00 µs", ""}, // half an interval is none
		{"p99", "1.23 ms", ""},
	}
	if !slices.EqualFunc(f.Rows, want, slices.Equal) {
		t.Errorf("the table is %q, want %q", f.Rows, want)
	}
	d := check(t, f, Height)
	if !slices.IsSortedFunc(d.hits, func(a, b area) int { return int(math.Copysign(1, a.x-b.x)) }) {
		t.Errorf("the places are not from left to right: %+v", d.hits)
	}
	if got := d.hits[1].title; got != "p75\nservice: 900 ns" {
		t.Errorf("a curve without the percentile is told: %q", got)
	}
}

// Places are told at a told share, so whatever share a curve has from Shares is found.
func TestShares(t *testing.T) {
	for _, n := range []int64{0, 1, 2, 10, 1000, 1_000_000, math.MaxInt64} {
		shares := Shares(n)
		if !slices.IsSorted(shares) {
			t.Errorf("of %d: not sorted", n)
		}
		for _, s := range shares {
			if s <= 0 || s >= 1 || float64(n)*(1-s) < 1 {
				t.Errorf("of %d: the share %v has none beyond", n, s)
			}
		}
		for _, s := range told {
			if supported := float64(n)*(1-s) >= 1; slices.Contains(shares, s) != supported {
				t.Errorf("of %d: the share %v, which it supports: %v", n, s, supported)
			}
		}
	}
}

func TestOverTime(t *testing.T) {
	seconds := []float64{1, 2, 3, 3.25}
	f := Latencies("latency", seconds, Line{"p50", []float64{1000, math.NaN(), 0, 2500}},
		Line{"max", []float64{1e6, 2e6, 3e6, 4e6}})
	want := [][]string{
		{"time", "p50", "max"},
		{"1 s", "1.00 µs", "1.00 ms"},
		{"2 s", "", "2.00 ms"},
		{"3 s", "", "3.00 ms"},
		{"3.25 s", "2.50 µs", "4.00 ms"},
	}
	if !slices.EqualFunc(f.Rows, want, slices.Equal) {
		t.Errorf("latencies are %q, want %q", f.Rows, want)
	}
	d := check(t, f, Height-40)
	for i := range d.hits[1:] { // a place is next to the other: no gap that tells nothing
		if end := d.hits[i].x + d.hits[i].width; math.Abs(end-d.hits[i+1].x) > 0.2 {
			t.Errorf("place %d ends at %v, the next begins at %v", i, end, d.hits[i+1].x)
		}
	}
	f = Rates("rates", seconds, Line{"calls/s", []float64{0, 12_345, math.NaN(), 1}})
	want = [][]string{{"time", "calls/s"}, {"1 s", "0"}, {"2 s", "12.35k"}, {"3 s", ""}, {"3.25 s", "1"}}
	if !slices.EqualFunc(f.Rows, want, slices.Equal) {
		t.Errorf("rates are %q, want %q: none a second is a rate", f.Rows, want)
	}
	check(t, f, Height-40)
}

func TestHeat(t *testing.T) {
	columns := []Column{
		{0, 1, []Count{{1000, 5}, {1_000_000, 1}}, "6 calls"},
		{1, 2, nil, "0 calls"},
		{2, 3, []Count{{1001, 2}}, "2 calls"},
	}
	f := Heat("heat", columns)
	want := [][]string{{"time", "calls"}, {"0 to 1 s", "6 calls"}, {"1 to 2 s", "0 calls"}, {"2 to 3 s", "2 calls"}}
	if !slices.EqualFunc(f.Rows, want, slices.Equal) {
		t.Errorf("the table is %q, want %q", f.Rows, want)
	}
	check(t, f, Height-40)
	if n := len(cells(f)); n != 3 {
		t.Errorf("%d cells, want the 3 that hold calls", n)
	}
	for _, none := range [][]Column{nil, {}, {{From: 0, To: 1}}, {{Counts: []Count{{1, 0}}}}} {
		if f := Heat("heat", none); f.SVG != "" {
			t.Errorf("a map of nothing is drawn: %s", f.SVG)
		}
	}
}

var cellPattern = regexp.MustCompile(`<path d="M([\d.]+),[\d.]+L([\d.]+),[^"]*Z" style="fill:var\(--heat\)`)

// cells are a heat map's, by their left and right ends.
func cells(f Figure) (all [][2]float64) {
	for _, m := range cellPattern.FindAllStringSubmatch(string(f.SVG), -1) {
		left, _ := strconv.ParseFloat(m[1], 64)
		right, _ := strconv.ParseFloat(m[2], 64)
		all = append(all, [2]float64{left, right})
	}
	return all
}

// A run rarely ends with a whole second: its last span is drawn where it was, as the others are.
func TestHeatOfUnevenSpans(t *testing.T) {
	f := Heat("heat", []Column{
		{0, 1, []Count{{1000, 5}}, "5"},
		{1, 2, []Count{{1000, 5}}, "5"},
		{2, 2.5, []Count{{1000, 2}}, "2"},
	})
	hits, drawn := check(t, f, Height-40).hits, cells(f)
	same := len(hits) == len(drawn)
	for i := range min(len(hits), len(drawn)) {
		same = same && math.Abs(hits[i].x-drawn[i][0]) < 1 && math.Abs(hits[i].x+hits[i].width-drawn[i][1]) < 1
	}
	if !same {
		t.Errorf("the cells are at %v, their values are told at %+v", drawn, hits)
	}
}

func TestIntervals(t *testing.T) {
	f := Intervals("costs", []Interval{
		{Name: "a", Value: 1500, Low: 1000, High: 2000, Told: "1.50 µs\nsure"},
		{Name: "b", Value: -100, Low: -500, High: 300, Faint: true, Told: "-0.10 µs"},
	})
	d := check(t, f, 76)
	if len(d.hits) != 2 || d.hits[0].title != "a\n1.50 µs\nsure" || d.hits[0].y >= d.hits[1].y {
		t.Errorf("the places are %+v, want the first on top", d.hits)
	}
	if want := "costs: a 1.50 µs, sure; b -0.10 µs"; f.Alt != want {
		t.Errorf("labelled %q, want %q", f.Alt, want)
	}
	if !strings.Contains(string(f.SVG), "stroke-dasharray") {
		t.Error("zero is not marked")
	}
}

// Whatever was measured, from nothing to an hour: every figure is drawn, and is well-formed.
func FuzzFigures(f *testing.F) {
	for _, s := range []string{
		"", "\x00", "\x01\x00\x00\x00\x00\x00\x00\x00", strings.Repeat("\xff", 64),
		"12345678abcdefgh\x00\x00\x00\x00\x00\x00\x00\x00",
	} {
		f.Add(s, []byte(s))
	}
	f.Add(hostile, binary.LittleEndian.AppendUint64(nil, hour))
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		var ns []int64
		for len(data) >= 8 && len(ns) < 100 {
			ns = append(ns, int64(binary.LittleEndian.Uint64(data)%(hour+1)))
			data = data[8:]
		}
		// HTML takes what XML does not: control characters stand for themselves.
		name = strings.Map(func(r rune) rune {
			if r < ' ' || r == 0xfffd || r == 0xfffe || r == 0xffff {
				return -1
			}
			return r
		}, name)
		everyKind(t, "figure "+name, ns...)
	})
}
