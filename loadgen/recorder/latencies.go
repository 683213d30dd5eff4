package recorder

import (
	"fmt"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Latencies are one population: its distribution to 0.1 %, and exactly what a
// histogram only knows roughly. All values are nanoseconds.
type Latencies struct {
	Histogram     *hdrhistogram.Histogram
	Sum, Min, Max int64
	// Censored are those of the histogram's values that are lower bounds only (right-censored): the ages of calls
	// that were cut off, or that their own deadline ended. It is nil where there were none.
	Censored *hdrhistogram.PackedHistogram
}

func newLatencies() *Latencies { return &Latencies{Histogram: NewHistogram()} }

// Count is the number of values.
func (l *Latencies) Count() int64 { return l.Histogram.TotalCount() }

// Mean is exact, where the histogram's is that of its buckets' middles.
func (l *Latencies) Mean() float64 {
	if l.Count() == 0 {
		return 0
	}
	return float64(l.Sum) / float64(l.Count())
}

// record takes a value, or says that it does not fit.
func (l *Latencies) record(ns int64) bool {
	if ns < 0 || ns > highest || l.Histogram.RecordValue(ns) != nil {
		return false
	}
	if l.Histogram.TotalCount() == 1 {
		l.Min, l.Max = ns, ns
	}
	l.Sum += ns
	l.Min = min(l.Min, ns)
	l.Max = max(l.Max, ns)
	return true
}

// censor takes a value that is only a lower bound, or says that it does not fit.
func (l *Latencies) censor(ns int64) bool {
	if !l.record(ns) {
		return false
	}
	l.censored().RecordValue(ns) //nolint:errcheck // what the histogram holds, this holds
	return true
}

// censored makes room at the first lower bound: most runs have none.
func (l *Latencies) censored() *hdrhistogram.PackedHistogram {
	if l.Censored == nil {
		l.Censored = hdrhistogram.NewPacked(lowest, highest, digits)
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
func (l *Latencies) Known() *hdrhistogram.Histogram {
	known := NewHistogram()
	for _, b := range l.Histogram.Distribution() {
		n := b.Count
		if l.Censored != nil && n > 0 {
			n -= l.Censored.CountAtValue(b.To)
		}
		if n > 0 {
			_ = known.RecordValues(b.To, n) // of the same geometry
		}
	}
	return known
}

// Upper is the greatest value that the value of a rank, from 1, can have whatever the lower bounds stand for.
// It is false where they can stand for that rank themselves, so that nothing bounds it. Known is [Latencies.Known]'s.
func Upper(known *hdrhistogram.Histogram, rank int64) (ns int64, bounded bool) {
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

func (l *Latencies) merge(o *Latencies) error {
	if o.Count() == 0 {
		return nil
	}
	if l.Count() == 0 {
		l.Min, l.Max = o.Min, o.Max
	}
	l.Sum += o.Sum
	l.Min = min(l.Min, o.Min)
	l.Max = max(l.Max, o.Max)
	if o.CensoredCount() > 0 {
		l.censored().Merge(o.Censored)
	}
	if dropped := l.Histogram.Merge(o.Histogram); dropped > 0 {
		return fmt.Errorf("%d values dropped", dropped)
	}
	return nil
}
