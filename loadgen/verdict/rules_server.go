package verdict

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// The rules on what the server did, and on what was asked of it.

// checkCounts: every call that was due is accounted for, and every latency is in a histogram. Any that is not, or no
// call at all: invalid. An end before the planned one, or calls of the warm-up without an answer: suspect.
func checkCounts(f *Facts, v *Verdict) {
	if f.Due == 0 {
		v.add(Invalid, "no call was measured")
	}
	if f.WarmupUnanswered > 0 {
		v.add(Suspect, "%s of the warm-up %s never answered", countCalls(f.WarmupUnanswered),
			wasWere(f.WarmupUnanswered))
	}
	if sum := f.OK + f.Failed + f.Unfinished + f.NeverSent; f.Due != sum {
		v.add(Invalid, "the counts do not add up: %d calls were due, %d are accounted for", f.Due, sum)
	}
	if f.Overflow > 0 {
		v.add(Invalid, "%d latencies fit no histogram (negative, or over an hour)", f.Overflow)
	}
	switch {
	case f.Aborted != "":
		v.add(Suspect, "the run was aborted: %s", f.Aborted)
	case f.Interrupted:
		v.add(Suspect, "the run was interrupted: it is shorter than planned")
	}
}

// checkUnanswered: every call was answered by the end of the drain. Any that was not: suspect; invalid where a reported
// percentile can be one of theirs, for a call that was cut off took at least as long as it had been waiting. A server
// that answered nothing in the last tenth of the run, and no less than a second: suspect; invalid in a closed loop,
// whose workers then make no calls, so that the silence is in hardly any figure.
func checkUnanswered(f *Facts, v *Verdict) {
	if f.Unfinished > 0 {
		status, known := Suspect, ""
		if len(f.Moved) > 0 {
			status, known = Invalid, "; "+percentileNames(f.Moved)+" can only be told as at least so much"
		}
		waited := fmt.Sprintf("they had waited for %v to %v", roughly(f.Least), roughly(f.Oldest))
		if roughly(f.Least) == roughly(f.Oldest) {
			waited = fmt.Sprintf("having waited for %v", roughly(f.Oldest))
		}
		v.add(status, "%d of %s %s never answered by the end of the drain: %s%s",
			f.Unfinished, countCalls(f.OK+f.Failed+f.Unfinished), wasWere(f.Unfinished), waited, known)
	}
	// Workers that wait make no calls: of a closed loop the silent time is in hardly any figure.
	if f.Silent > max(time.Second, f.Length/10) {
		status := Suspect
		if !f.Open {
			status = Invalid
		}
		v.add(status, "the server answered nothing in the last %v of the run, though calls waited for it",
			roughly(f.Silent))
	}
}

// checkOutage: the server was there throughout. Whole seconds in which every call failed, more in a row than chance
// makes once in a million: suspect, for the figures are those of two different times.
func checkOutage(f *Facts, v *Verdict) {
	if o := f.Outage; o.Failed > 0 {
		v.add(Suspect, "from %.0f s to %.0f s of the run every call failed, %d of them: the server was gone or "+
			"refused all, and the figures mix that time with the rest", o.From, o.To, o.Failed)
	}
}

// checkReached: every step of the flows was called. One that was not: suspect, for it was not measured.
func checkReached(f *Facts, v *Verdict) {
	if len(f.NeverReached) > 0 {
		v.add(Suspect, "%s never reached: an earlier step of the flow failed each time, or the run was too short",
			strings.Join(f.NeverReached, ", ")+map[bool]string{true: " was", false: " were"}[len(f.NeverReached) == 1])
	}
}

// mostOff is how many standard deviations a flow's share of the arrivals may be off what was asked for: by chance one
// in 150,000 is (binomial, by its normal approximation, which holds where its variance is 9 or more).
const (
	mostOff       = 4.5
	leastVariance = 9
)

// checkMix: arrivals start flows in the proportions that were asked for. A share that is more than mostOff standard
// deviations off: suspect. Source: the normal approximation of the binomial distribution.
func checkMix(f *Facts, v *Verdict) {
	var n int64
	for _, s := range f.Mix {
		n += s.Count
	}
	var furthest Share
	off := mostOff
	for _, s := range f.Mix {
		expected := float64(n) * s.Asked
		variance := expected * (1 - s.Asked)
		if z := math.Abs(float64(s.Count)-expected) / math.Sqrt(variance); variance >= leastVariance && z > off {
			furthest, off = s, z
		}
	}
	if off > mostOff {
		v.add(Suspect, "the mix came out other than asked: %s was started by %.3g %% of the arrivals, not %.3g %%",
			furthest.Name, 100*float64(furthest.Count)/float64(n), 100*furthest.Asked)
	}
}

// checkSchedule: what was due was sent. Any call of an open loop that was not: invalid.
func checkSchedule(f *Facts, v *Verdict) {
	if f.Open && f.NeverSent > 0 {
		v.add(Invalid, "%d of %d calls that were due were never sent: every worker was busy to the end of the drain, "+
			"so the rate is more than this server with this -c, or this client, can do", f.NeverSent, f.Due)
	}
}

// checkDrift: the latency neither rises nor falls throughout, else it has no one distribution. A trend at p < 0.001
// that moves the median by more than 5 %: suspect. Source: Mann 1945, Kendall 1975, over the seconds' medians.
func checkDrift(f *Facts, v *Verdict) {
	if f.DriftP > 0 && f.DriftP < 0.001 && f.DriftShare > 0.05 {
		v.add(Suspect, "the latency drifts: its median changed by %.0f %% from the first third of the run to the "+
			"last; warm up longer, or look for a leak", 100*f.DriftShare)
	}
}
