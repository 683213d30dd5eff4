package result

import (
	"github.com/HdrHistogram/hdrhistogram-go"

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
	out := summary(l.Histogram, l.Max, effective)
	out.MeanNs, out.MinNs, out.MaxNs = l.Mean(), l.Min, l.Max
	return out
}

// noCorrelation is what neighbours' correlation may be by chance in a few thousand values.
const noCorrelation = 0.1

// FromHistogram sums up a population of which only the histogram is known: all its values are to 0.1 %.
func FromHistogram(h *hdrhistogram.Histogram) Latency { return summary(h, h.Max(), h.TotalCount()) }

func summary(h *hdrhistogram.Histogram, most, effective int64) Latency {
	n := h.TotalCount()
	out := Latency{Count: n, EffectiveCount: effective, MeanNs: h.Mean(), MinNs: h.Min(), MaxNs: most, Percentiles: []Percentile{}}
	for _, p := range percentiles {
		if !stats.Supported(n, p) {
			break
		}
		ranks := stats.QuantileRanks(effective, p/100)
		x := Percentile{P: p, Ns: min(h.ValueAtPercentile(p), most), LowNs: out.MinNs, HighNs: most}
		if ranks.Low > 0 {
			// From the value below, in steps of the effective values: with all effective that is rank Low.
			x.LowNs = min(atRank(h, float64(ranks.Low-1)/float64(effective)+1/float64(n)), x.Ns)
		}
		if ranks.High > 0 {
			x.HighNs = max(min(atRank(h, float64(ranks.High)/float64(effective)), most), x.Ns)
		}
		out.Percentiles = append(out.Percentiles, x)
	}
	return out
}

// atRank is the value of the rank that is the given share of the count, 1-based: the library rounds to the nearest.
func atRank(h *hdrhistogram.Histogram, share float64) int64 { return h.ValueAtPercentile(100 * share) }
