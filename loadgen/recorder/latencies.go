package recorder

import (
	"fmt"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Latencies are one population: its distribution to 0.1 %, and exactly what a
// histogram only knows roughly. All values are nanoseconds.
type Latencies struct {
	Histogram     *hdrhistogram.PackedHistogram
	Sum, Min, Max int64
	// Censored are those of the histogram's values that are lower bounds only (right-censored): the ages of calls
	// that were cut off, or that their own deadline ended. It is nil where there were none.
	Censored *hdrhistogram.PackedHistogram
}

func newLatencies() *Latencies { return &Latencies{Histogram: NewPacked()} }

// Count is the number of values.
func (l *Latencies) Count() int64 { return l.Histogram.TotalCount() }

// Mean is exact, where the histogram's is that of its buckets' middles.
func (l *Latencies) Mean() float64 {
	if l.Count() == 0 {
		return 0
	}
	return float64(l.Sum) / float64(l.Count())
}

// censored makes room at the first lower bound: most runs have none.
func (l *Latencies) censored() *hdrhistogram.PackedHistogram {
	if l.Censored == nil {
		l.Censored = NewPacked()
	}
	return l.Censored
}

// CensoredCount is how many of the values are lower bounds.
func (l *Latencies) CensoredCount() int64 {
	if l.Censored == nil {
		return 0
	}
	return l.Censored.TotalCount()
}

// Known are the values that are not lower bounds.
func (l *Latencies) Known() *hdrhistogram.PackedHistogram {
	known := NewPacked()
	for value, n := range l.Histogram.ForEachBucket {
		if l.Censored != nil {
			n -= l.Censored.CountAtValue(value)
		}
		if n > 0 {
			_ = known.RecordValues(value, n) // of the same geometry
		}
	}
	return known
}

// Upper is the greatest value that the value of a rank, from 1, can have whatever the lower bounds stand for.
// It is false where they can stand for that rank themselves, so that nothing bounds it. Known is [Latencies.Known]'s.
func Upper(known *hdrhistogram.PackedHistogram, rank int64) (ns int64, bounded bool) {
	n := known.TotalCount()
	if rank > n || n == 0 {
		return 0, false
	}
	return known.ValueAtPercentile(100 * float64(rank) / float64(n)), true
}

func (l *Latencies) reset() {
	if l.CensoredCount() > 0 {
		l.Censored.Reset()
	}
	if l.Count() > 0 {
		l.Histogram.Reset()
		l.Sum, l.Min, l.Max = 0, 0, 0
	}
}

// extend adds the exact figures of other values, of which there is at least one, before their buckets are added.
func (l *Latencies) extend(sum, least, most int64) {
	if l.Count() == 0 {
		l.Min, l.Max = least, most
	}
	l.Sum += sum
	l.Min = min(l.Min, least)
	l.Max = max(l.Max, most)
}

// add adds what a lane counted.
func (l *Latencies) add(t *tally) {
	if t == nil || t.n == 0 {
		return
	}
	l.extend(t.sum, t.least, t.most)
	t.each(func(ns, n int64) { _ = l.Histogram.RecordValues(ns, n) }) // all that a tally takes fits
	t.lowerBounds.each(func(ns, n int64) { _ = l.censored().RecordValues(ns, n) })
}

// merge adds o to l.
func (l *Latencies) merge(o *Latencies) error {
	if o == nil || o.Count() == 0 {
		return nil
	}
	l.extend(o.Sum, o.Min, o.Max)
	if o.CensoredCount() > 0 {
		l.censored().Merge(o.Censored)
	}
	if dropped := l.Histogram.Merge(o.Histogram); dropped > 0 {
		return fmt.Errorf("%d values dropped", dropped)
	}
	return nil
}
