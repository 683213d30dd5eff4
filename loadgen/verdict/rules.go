package verdict

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// counts: every call that was due is accounted for, and every latency is in a histogram.
func counts(f *Facts, v *Verdict) {
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

// own: a call that failed for want of something on this side says nothing of the server.
func own(f *Facts, v *Verdict) {
	if f.Own > 0 {
		v.add(Invalid, "client: %d of %d failures are the load generator's own, not the server's (%s)", f.Own,
			f.Failed, f.OwnReason)
	}
}

// unanswered: a call that was cut off took at least as long as it had been waiting. Where such calls can move a
// percentile that is told, it is a lower bound, and the distribution is not known.
func unanswered(f *Facts, v *Verdict) {
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

// outage: a server that is gone for a while makes a run of two halves, whose figures together are those of neither.
func outage(f *Facts, v *Verdict) {
	if o := f.Outage; o.Failed > 0 {
		v.add(Suspect, "from %.0f s to %.0f s of the run every call failed, %d of them: the server was gone or "+
			"refused all, and the figures mix that time with the rest", o.From, o.To, o.Failed)
	}
}

// reached: what was asked for and never called was not measured.
func reached(f *Facts, v *Verdict) {
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

// mixed: the arrivals are to start flows in the proportions that were asked for.
func mixed(f *Facts, v *Verdict) {
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

// percentileNames lists percentiles, from the first on.
func percentileNames(all []float64) string {
	names := make([]string, len(all))
	for i, p := range all {
		names[i] = "p" + strconv.FormatFloat(p, 'f', -1, 64)
	}
	return strings.Join(names, ", ")
}

func countCalls(n int64) string {
	if n == 1 {
		return "1 call"
	}
	return fmt.Sprintf("%d calls", n)
}

func wasWere(n int64) string {
	if n == 1 {
		return "was"
	}
	return "were"
}

// roughly is a time for reading, to three digits.
func roughly(d time.Duration) time.Duration {
	for unit := time.Second; unit > 1; unit /= 10 {
		if d >= 100*unit {
			return d.Round(unit)
		}
	}
	return d
}

// schedule: what was due was sent.
func schedule(f *Facts, v *Verdict) {
	if f.Open && f.NeverSent > 0 {
		v.add(Invalid, "%d of %d calls that were due were never sent: every worker was busy to the end of the drain, "+
			"so the rate is more than this server with this -c, or this client, can do", f.NeverSent, f.Due)
	}
}

// What the load generator may add to p99 before it counts: a tenth of it, but no less than what a core's wake-up takes
// on a virtual machine that idles, thrice over. The greater limits make a figure useless.
const (
	addedShare, addedLeast  = 0.1, 750 * time.Microsecond
	addedHalf, addedTooMuch = 0.5, 2 * time.Millisecond
	addedAlways             = 5 * time.Millisecond
)

// lateness: what matters of the load generator's own lateness is by how much it can have moved a percentile. What it
// was due to explains that, and is no reason by itself.
func lateness(f *Facts, v *Verdict) {
	for _, a := range f.Added {
		if a.P != 99 {
			continue
		}
		added, of := time.Duration(a.Ns), f.Response[a.P]
		share := float64(added) / max(float64(of), 1)
		var status Status
		switch {
		case share > addedHalf && added > addedTooMuch, share > addedShare && added > addedAlways:
			status = Invalid
		case share > addedShare && added > addedLeast:
			status = Suspect
		default:
			continue
		}
		why := causes(f)
		if why != "" {
			why = " (" + why + ")"
		}
		v.health(f, status, "client: the load generator itself may have added up to %v to p99, of %v%s: give it a "+
			"core of its own, or a lower rate", roughly(added), roughly(of), why)
	}
	if f.Pacing[50] > 200*time.Microsecond {
		v.health(f, Suspect, "client: half of the calls went out more than %v late: give the load generator a core "+
			"of its own, or -spin", round(f.Pacing[50]))
	}
	if p999 := f.Pacing[99.9]; p999 > max(20*time.Millisecond, f.Response[99.9]/4) {
		v.health(f, Invalid, "client: calls went out late by %v at p99.9 though a worker was free: the load "+
			"generator stood still or was starved of CPU", round(p999))
	}
}

// causes are what may have made the load generator late.
func causes(f *Facts) string {
	var all []string
	say := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	if p99 := f.Pacing[99]; p99 > 200*time.Microsecond {
		say("calls went out up to %v late at p99", round(p99))
	}
	if cpu, known := f.mean(func(w Window) float64 { return w.CPU }); known && cpu > 0.7 {
		say("it used %.0f %% of its CPU", 100*cpu)
	}
	if wait, known := f.mean(func(w Window) float64 { return w.RunQueue }); known && wait > 0.1 {
		say("%.1f of its threads waited for a core at a time", wait)
	}
	if idle, known := f.mean(func(w Window) float64 { return w.Idle }); known && f.Local && idle < 0.2 {
		say("the machine, which the server shares, had %.0f %% idle", 100*idle)
	}
	if steal, known := f.mean(func(w Window) float64 { return w.Steal }); known && steal > 0.01 {
		say("the host took %.0f %% of the CPU (steal)", 100*steal)
	}
	if f.GCPause > time.Millisecond {
		say("the garbage collector stopped it for %v", round(f.GCPause))
	}
	if f.GCShare > 0.15 {
		say("the garbage collector took %.0f %% of its CPU: raise GOGC", 100*f.GCShare)
	}
	return strings.Join(all, "; ")
}

// source: what a call waits for before it is sent, where its data comes from a slow disk, is no server's doing. The
// limits are those of the load generator's own lateness.
func source(f *Facts, v *Verdict) {
	share := float64(f.Making) / max(float64(f.Response[99]), 1)
	switch {
	case share > addedHalf && f.Making > addedTooMuch, share > addedShare && f.Making > addedAlways:
		v.health(f, Invalid, "client: making a message took up to %v at p99, of a response of %v: its feeds cannot "+
			"keep up (a slow disk?)", round(f.Making), roughly(f.Response[99]))
	case share > addedShare && f.Making > addedLeast:
		v.health(f, Suspect, "client: making a message took up to %v at p99, of a response of %v: its feeds hardly "+
			"keep up (a slow disk?)", round(f.Making), roughly(f.Response[99]))
	}
}

// stood: a load generator that does nothing for a while measures nothing then, and blames the server.
func stood(f *Facts, v *Verdict) {
	if f.Stood > 100*time.Millisecond {
		v.health(f, Invalid, "client: the load generator stood still for %v (stopped, swapped out, or starved of "+
			"CPU): the latencies of that time are its own", round(f.Stood))
	}
}

// suspended: the clock of a suspended machine stands still, and the server's, or the network's, may not. Two clocks
// that are read one after the other differ a little.
func suspended(f *Facts, v *Verdict) {
	if f.Suspended > 10*time.Millisecond {
		v.add(Invalid, "the machine was suspended for %v during the run: its clock stood still meanwhile, so no "+
			"latency of that time is true", roughly(f.Suspended))
	}
}

// between: in a closed loop, the time that the generator takes between two calls of a worker is no call's, but keeps
// the server from being as busy as -c says.
func between(f *Facts, v *Verdict) {
	const fewest = 100 // of fewer, the start of the workers is much
	if !f.Open && f.Before > 0.1 && f.OK+f.Failed >= fewest {
		v.add(Suspect, "client: workers spent %.0f %% of their time in the load generator, between two calls: the "+
			"server had that much less than -c calls at once", 100*f.Before)
	}
}

// little: by Little's law, the calls in flight are the rate times the time of a call. The tolerance adds
// five standard errors of the sampled mean, taking a tenth of the looks as independent. Looks see whole calls, so
// whatever they saw, their variance is at least f (1 - f), f being the fraction in the expected mean; and where fewer
// than leastSeen calls are to be seen in all looks together, these are too few to tell anything.
func little(f *Facts, v *Verdict) {
	const leastSeen = 50
	if f.Looks < 100 || f.Littles == 0 || max(f.Littles, f.InFlight)*float64(f.Looks) < leastSeen {
		return
	}
	_, part := math.Modf(f.Littles)
	variance := max(f.Deviation*f.Deviation, part*(1-part))
	noise := 5 * math.Sqrt(variance/(float64(f.Looks)/10))
	switch off := math.Abs(f.InFlight - f.Littles); {
	case off > 0.05*f.Littles+noise:
		v.health(f, Invalid, "%.2f calls were in flight on average, but their rate and their times make %.2f "+
			"(Little's law): the recorded times are wrong", f.InFlight, f.Littles)
	case off > 0.02*f.Littles+noise:
		v.add(Suspect, "%.2f calls were in flight on average, but their rate and their times make %.2f (Little's law)",
			f.InFlight, f.Littles)
	}
}

// processor: in a closed loop a generator near the end of its CPU asks less of the server than it could. In an open
// loop it shows in what is late.
func processor(f *Facts, v *Verdict) {
	if mean, known := f.mean(func(w Window) float64 { return w.CPU }); known && !f.Open && mean > 0.85 {
		v.add(Suspect, "client: the load generator used %.0f %% of its CPU: the server may be able to do more than "+
			"it was asked", 100*mean)
	}
	if f.Throttled > 0 {
		v.health(f, Invalid, "client: a CPU quota stopped the load generator %d times", f.Throttled)
	}
}

// machine: in a closed loop, which goes as fast as it can, a machine that server and load generator use up measures
// both.
func machine(f *Facts, v *Verdict) {
	idle, known := f.mean(func(w Window) float64 { return w.Idle })
	if known && f.Local && !f.Open && idle < 0.05 {
		v.add(Suspect, "the machine had %.0f %% idle: server and load generator compete for its cores, and the "+
			"figures are those of both", 100*idle)
	}
}

// clock: a clock that takes long to read is in every latency.
func clock(f *Facts, v *Verdict) {
	switch {
	case f.ClockCost > time.Microsecond:
		v.add(Invalid, "reading the clock takes %v (clock source %s): it is in every latency", f.ClockCost,
			f.ClockSource)
	case f.ClockCost > 100*time.Nanosecond:
		v.add(Suspect, "reading the clock takes %v (clock source %s)", f.ClockCost, f.ClockSource)
	}
}

// arrivals: bunched sends load the server differently from what was asked. A wake-up of some tens of
// microseconds bunches high rates without harm, so both must be bad: how uneven they are, and the lateness in gaps.
func arrivals(f *Facts, v *Verdict) {
	a := f.Arrivals
	switch {
	case a.AndersonDarling > 100 && a.RateTimesPacing > 0.3:
		v.add(Invalid, "client: the calls went out in bunches, not as Poisson arrivals (Anderson-Darling %.0f)",
			a.AndersonDarling)
	case a.AndersonDarling > 100 && a.RateTimesPacing > 0.15:
		v.add(Suspect, "client: the calls went out in bunches, not as Poisson arrivals (Anderson-Darling %.0f)",
			a.AndersonDarling)
	}
}

// drift: a latency that rises or falls throughout has no one distribution.
func drift(f *Facts, v *Verdict) {
	if f.DriftP > 0 && f.DriftP < 0.001 && f.DriftShare > 0.05 {
		v.add(Suspect, "the latency drifts: its median changed by %.0f %% from the first third of the run to the "+
			"last; warm up longer, or look for a leak", 100*f.DriftShare)
	}
}

func round(d time.Duration) time.Duration {
	switch {
	case d > 10*time.Millisecond:
		return d.Round(time.Millisecond)
	case d > 10*time.Microsecond:
		return d.Round(time.Microsecond)
	default:
		return d
	}
}
