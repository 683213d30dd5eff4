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

func (l *Latencies) reset() {
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
	if dropped := l.Histogram.Merge(o.Histogram); dropped > 0 {
		return fmt.Errorf("%d values dropped", dropped)
	}
	return nil
}
