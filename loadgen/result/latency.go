package result

import (
	"math"

	"grpcbench/loadgen/recorder"
	"grpcbench/loadgen/stats"
)

// percentiles are those a result gives, as far as its count supports them.
var percentiles = []float64{50, 75, 90, 95, 99, 99.9, 99.99, 99.999, 99.9999}

// NewLatency sums a population of independent values up.
func NewLatency(l *recorder.Latencies) Latency { return Correlated(l, 0) }

// Correlated sums up a population whose neighbours in time are correlated by
// rho: its intervals are as wide as those of the fewer independent values that
// it is worth.
func Correlated(l *recorder.Latencies, rho float64) Latency {
	effective := l.Count()
	if rho > noCorrelation {
		effective = stats.EffectiveN(effective, rho)
	}
	return Worth(l, effective)
}

// Worth sums up a population that is worth so many independent values.
func Worth(l *recorder.Latencies, effective int64) Latency {
	out := summary(l.Histogram, l.Max, effective)
	out.MeanNs, out.MinNs, out.MaxNs = l.Mean(), l.Min, l.Max
	out.Censored = l.CensoredCount()
	if out.Censored > 0 {
		out.markBounds(l)
	}
	return out
}

// markBounds makes what is said of each percentile true whatever the censored values stand for. With each of them at
// its lower bound a percentile has its least value, with each of them without end its greatest. Where the greatest is
// beyond the interval that is told anyway, the percentile is told as a lower bound.
func (l *Latency) markBounds(from *recorder.Latencies) {
	known := from.Known()
	greatest := func(share float64) (ns int64, bounded bool) {
		rank := int64(math.Ceil(share*float64(l.Count) - 1e-6)) // 99.9 is a little off
		return recorder.Upper(known, min(max(rank, 1), l.Count))
	}
	for i := range l.Percentiles {
		x := &l.Percentiles[i]
		share := x.P / 100
		most, bounded := greatest(share)
		x.AtLeast = !bounded || most-most/1000 > x.HighNs
		high := 1.0 // of too few values the interval ends at the largest
		if ranks := stats.QuantileRanks(l.EffectiveCount, share); ranks.High > 0 {
			high = float64(ranks.High) / float64(l.EffectiveCount)
		}
		end, bounded := greatest(high)
		x.HighNs = max(x.HighNs, end)
		x.HighAtLeast = !bounded
	}
	// Further out there are too few calls to tell a percentile, but not to tell what it is at least.
	for _, p := range percentiles[len(l.Percentiles):] {
		beyond := float64(l.Count) * (1 - p/100)
		if _, bounded := greatest(p / 100); bounded || beyond < 1 {
			return
		}
		x := Percentile{
			P: p, Ns: min(from.Histogram.ValueAtPercentile(p), from.Max), HighNs: from.Max, AtLeast: true,
			HighAtLeast: true,
		}
		x.LowNs, _ = Bounds(from.Histogram, l.EffectiveCount, p/100)
		x.LowNs = min(max(x.LowNs, l.MinNs), x.Ns)
		l.Percentiles = append(l.Percentiles, x)
	}
}

// Distribution is a histogram, with room for every bucket or packed.
type Distribution interface {
	TotalCount() int64
	Min() int64
	Max() int64
	ValueAtPercentile(p float64) int64
}

// noCorrelation is what neighbours' correlation may be by chance in a few thousand values.
const noCorrelation = 0.1

func summary(h Distribution, most, effective int64) Latency {
	n := h.TotalCount()
	out := Latency{Count: n, EffectiveCount: effective, MinNs: h.Min(), MaxNs: most, Percentiles: []Percentile{}}
	for _, p := range percentiles {
		if !stats.Supported(n, p) {
			break
		}
		x := Percentile{P: p, Ns: min(h.ValueAtPercentile(p), most)}
		x.LowNs, x.HighNs = Bounds(h, effective, p/100)
		x.LowNs, x.HighNs = min(max(x.LowNs, out.MinNs), x.Ns), max(min(x.HighNs, most), x.Ns)
		out.Percentiles = append(out.Percentiles, x)
	}
	return out
}

// Bounds is the 95 % interval of a quantile of a population that is worth so many independent values. A bound
// that these are too few for is the least or the largest value.
func Bounds(h Distribution, effective int64, q float64) (low, high int64) {
	value := h.ValueAtPercentile(100 * q)
	low, high = h.Min(), h.Max()
	ranks := stats.QuantileRanks(effective, q)
	if ranks.Low > 0 {
		// From the value below, in steps of the effective values: with all effective that is rank Low.
		low = atRank(h, float64(ranks.Low-1)/float64(effective)+1/float64(h.TotalCount()))
	}
	if ranks.High > 0 {
		high = atRank(h, float64(ranks.High)/float64(effective))
	}
	return min(low, value), max(high, value)
}

// atRank is the value of the rank that is the given share of the count, 1-based: the library rounds to the nearest.
func atRank(h Distribution, share float64) int64 { return h.ValueAtPercentile(100 * share) }
