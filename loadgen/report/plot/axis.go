package plot

import (
	"math"
	"slices"
	"strconv"
)

// axis is the range of values that a figure shows one way, and its labels.
type axis struct {
	low, high float64
	ticks     []tick
	bare      bool // its labels are of rows, which need no mark
}

// tick is a labelled value of an axis.
type tick struct {
	at    float64
	label string
}

// share is how far along the axis a value lies, from 0 to 1.
func (a *axis) share(v float64) float64 { return min(1, max(0, (v-a.low)/(a.high-a.low))) }

// Latencies are drawn by their logarithm: a run's go from microseconds to seconds.
func logNs(ns float64) float64 { return math.Log10(max(ns, 1)) }

// latencyAxis labels logarithms of nanoseconds between low and high with times.
func latencyAxis(a *axis, low, high float64) {
	low, high = math.Floor(low*10)/10, math.Ceil(high*10)/10
	if high-low < 0.3 {
		low, high = low-0.1, high+0.1
	}
	a.low, a.high = low, high
	// As many labels as there is room for: first the decades, then what parts them.
	var ticks []tick
	for _, steps := range [][]float64{
		{1},
		{1, 3},
		{1, 2, 5},
		{1, 1.5, 2, 3, 5, 7},
		{1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8},
		{1, 1.1, 1.2, 1.4, 1.7, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9},
	} {
		ticks = nil
		for decade := math.Floor(low); decade <= high; decade++ {
			for _, step := range steps {
				if at := decade + math.Log10(step); at >= low-1e-9 && at <= high+1e-9 {
					ticks = append(ticks, tick{at, Time(step * math.Pow(10, decade))})
				}
			}
		}
		if len(ticks) >= 4 {
			break
		}
	}
	a.ticks = ticks
}

// Time writes round nanoseconds briefly.
func Time(ns float64) string {
	unit := "ns"
	for _, u := range []struct {
		size float64
		name string
	}{{1e9, "s"}, {1e6, "ms"}, {1e3, "µs"}} {
		if ns >= u.size*0.9999 {
			ns, unit = ns/u.size, u.name
			break
		}
	}
	return strconv.FormatFloat(ns, 'g', 3, 64) + " " + unit
}

// percentileAxis is HdrHistogram's: by how few are beyond, so that 90 %, 99 % and 99.9 % are as far from each other.
func percentileAxis(a *axis, last float64) {
	a.low, a.high = 0, max(1, last)
	ticks := []tick{{beyond(0.5), "50 %"}}
	for nines := 1.0; nines <= a.high+1e-9; nines++ {
		label := strconv.FormatFloat(100-math.Pow(10, 2-nines), 'f', max(0, int(nines)-2), 64)
		ticks = append(ticks, tick{min(nines, a.high), label + " %"})
	}
	a.ticks = ticks
}

// beyond is where a share below lies on that axis.
func beyond(share float64) float64 { return -math.Log10(1 - share) }

// evenAxis labels a few round values from low to high.
func evenAxis(a *axis, low, high float64, label func(float64) string) {
	if high <= low {
		high = low + 1
	}
	a.low, a.high = low, high
	step := math.Pow(10, math.Floor(math.Log10((high-low)/4)))
	for _, times := range []float64{1, 2, 2.5, 5, 10} {
		if (high-low)/(times*step) <= 5 {
			step *= times
			break
		}
	}
	var ticks []tick
	for i := math.Ceil(low / step); i*step <= high+step*1e-9; i++ {
		at := i*step + 0 // which makes -0 a 0
		ticks = append(ticks, tick{at, label(at)})
	}
	a.ticks = ticks
}

// Number writes a value briefly: 12k for 12,000.
func Number(v float64) string {
	switch a := math.Abs(v); {
	case a >= 1e6:
		return strconv.FormatFloat(v/1e6, 'g', 4, 64) + "M"
	case a >= 1e4:
		return strconv.FormatFloat(v/1e3, 'g', 4, 64) + "k"
	default:
		return strconv.FormatFloat(v, 'g', 4, 64)
	}
}

// span is the least and the largest of values that are numbers above 0.
func span(values ...float64) (low, high float64) {
	values = slices.DeleteFunc(slices.Clone(values), func(v float64) bool { return math.IsNaN(v) || v <= 0 })
	if len(values) == 0 {
		return 1, 10
	}
	return slices.Min(values), slices.Max(values)
}
