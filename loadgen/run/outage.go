package run

import (
	"math"

	"grpcbench/loadgen/result"
	"grpcbench/loadgen/verdict"
)

// findOutage finds the longest stretch of whole seconds in which calls ended and none of them well, in a run of which
// others did. It is none where chance makes such a stretch: as many failures in a row have to be less likely than one
// in a million, at the share that failed in the rest of the run (one failure and one success added to it: Laplace's
// rule).
func findOutage(series []result.Point) (worst verdict.Outage) {
	var ok, failed int64
	for _, p := range series {
		ok, failed = ok+p.OK, failed+p.Failed
	}
	var now verdict.Outage
	for _, p := range series { // TS is when the second ended
		switch {
		case p.OK > 0:
			now = verdict.Outage{From: p.TS}
			continue
		case p.Failed == 0 && now.Failed == 0: // nothing was called
			now.From = p.TS
			continue
		}
		now.To = p.TS
		now.Failed += p.Failed
		if now.Failed > worst.Failed {
			worst = now
		}
	}
	rest := float64(failed - worst.Failed)
	share := (rest + 1) / (rest + float64(ok) + 2)
	if ok == 0 || float64(worst.Failed)*math.Log(share) > math.Log(1e-6) {
		return verdict.Outage{}
	}
	return worst
}
