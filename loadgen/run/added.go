package run

import (
	"github.com/HdrHistogram/hdrhistogram-go"

	"grpcbench/loadgen/recorder"
	"grpcbench/loadgen/series"
	"grpcbench/loadgen/stats"
	"grpcbench/loadgen/verdict"
)

// added bounds what the load generator's own lateness added to percentiles of the response time: in an open loop the
// calls went out late by the pacing, and in each loop answers are noticed late, as the samples in noticed are. What a
// sleeping core takes to wake up is the machine's, and any client's: the quickest quarter of the samples tell it.
//
// For no response is later than without its lateness by more than that, both at their percentile are a bound where the
// two go together, which is the worst that is likely; and so is, whatever the two are to each other,
// R(p) - R(p-b) + L(1-b), for b of the calls at most are later than L(1-b).
//
// Where calls wait for a worker, whoever notices answers late keeps the workers busy for longer, and that adds up: then
// the wait is the load generator's too.
func added(total *recorder.Snapshot, noticed *hdrhistogram.Histogram) (all []verdict.Added) {
	response, pacing := total.Headline(), total.Latencies[series.Pacing]
	if response.Count() == 0 {
		return nil
	}
	waits := total.Latencies[series.Lag]
	if !wasHeldUp(total, noticed) {
		waits = nil
	}
	late := func(p float64) int64 {
		var sum int64
		if pacing != nil && pacing.Count() > 0 {
			sum += pacing.Histogram.ValueAtPercentile(p)
		}
		if waits != nil {
			sum += waits.Histogram.ValueAtPercentile(p)
		}
		if noticed != nil && noticed.TotalCount() > 0 {
			sum += max(0, noticed.ValueAtPercentile(p)-min(noticed.ValueAtPercentile(25), wakeUp))
		}
		return sum
	}
	for _, p := range []float64{50, 90, 99, 99.9} {
		if !stats.Supported(response.Count(), p) {
			break
		}
		least := late(p)
		for _, b := range []float64{0.1, 0.2, 0.5, 1, 3} {
			b *= 100 - p
			if noticed != nil && b/2*float64(noticed.TotalCount()) >= 100 && p > b { // half of them for either
				at := response.Histogram.ValueAtPercentile
				least = min(least, at(p)-at(p-b)+late(100-b/2))
			}
		}
		all = append(all, verdict.Added{P: p, Ns: min(least, response.Histogram.ValueAtPercentile(p))})
	}
	return all
}

// wasHeldUp says whether calls waited for workers that were busy for a tenth longer, or more, since their answers were
// noticed late.
func wasHeldUp(total *recorder.Snapshot, noticed *hdrhistogram.Histogram) bool {
	lag, service := total.Latencies[series.Lag], total.Latencies[series.Service]
	if lag == nil || lag.Count() == 0 || service.Count() == 0 || noticed == nil || noticed.TotalCount() == 0 {
		return false
	}
	waited := float64(lag.Sum-total.Before-total.Held) / float64(lag.Count())
	late := max(0, noticed.Mean()-float64(min(noticed.ValueAtPercentile(25), wakeUp)))
	return waited > 0.1*total.Headline().Mean() && late > 0.1*service.Mean()
}

// wakeUp is the most that is taken for a core's wake-up, in nanoseconds.
const wakeUp = 100_000
