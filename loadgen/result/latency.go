package result

import (
	"github.com/HdrHistogram/hdrhistogram-go"

	"grpcbench/loadgen/recorder"
	"grpcbench/loadgen/stats"
)

// percentiles are those a result gives, as far as its count supports them.
var percentiles = []float64{50, 75, 90, 95, 99, 99.9, 99.99, 99.999, 99.9999}

// NewLatency sums a population up.
func NewLatency(l *recorder.Latencies) Latency {
	out := summary(l.Histogram, l.Max)
	out.MeanNs, out.MinNs, out.MaxNs = l.Mean(), l.Min, l.Max
	return out
}

// FromHistogram sums up a population of which only the histogram is known: all its values are to 0.1 %.
func FromHistogram(h *hdrhistogram.Histogram) Latency { return summary(h, h.Max()) }

func summary(h *hdrhistogram.Histogram, most int64) Latency {
	n := h.TotalCount()
	out := Latency{Count: n, MeanNs: h.Mean(), MinNs: h.Min(), MaxNs: most, Percentiles: []Percentile{}}
	for _, p := range percentiles {
		if !stats.Supported(n, p) {
			break
		}
		ranks := stats.QuantileRanks(n, p/100)
		x := Percentile{P: p, Ns: min(h.ValueAtPercentile(p), most), LowNs: out.MinNs, HighNs: most}
		if ranks.Low > 0 {
			x.LowNs = min(atRank(h, ranks.Low), x.Ns)
		}
		if ranks.High > 0 {
			x.HighNs = max(min(atRank(h, ranks.High), most), x.Ns)
		}
		out.Percentiles = append(out.Percentiles, x)
	}
	return out
}

// atRank is the value of the r-th smallest, 1-based: the library rounds p*n/100 to the nearest rank.
func atRank(h *hdrhistogram.Histogram, r int64) int64 {
	return h.ValueAtPercentile(100 * float64(r) / float64(h.TotalCount()))
}
