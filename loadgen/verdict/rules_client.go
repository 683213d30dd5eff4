package verdict

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// The rules on the load generator, its machine and its clock.

// checkOwnFailures: no call failed for want of something on this side, such as a descriptor or a port. Any that did:
// invalid, for it says nothing of the server.
func checkOwnFailures(f *Facts, v *Verdict) {
	if f.Own > 0 {
		v.add(Invalid, "client: %d of %d failures are the load generator's own, not the server's (%s)", f.Own,
			f.Failed, f.OwnReason)
	}
}

// What the load generator may add to p99 before it counts: a tenth of it, but no less than what a core's wake-up takes
// on a virtual machine that idles, thrice over. The greater limits make a figure useless.
const (
	addedShare, addedLeast  = 0.1, 750 * time.Microsecond
	addedHalf, addedTooMuch = 0.5, 2 * time.Millisecond
	addedAlways             = 5 * time.Millisecond
)

// checkLateness: the load generator's own lateness moved no reported percentile. A bound on what it added to p99 of
// over a tenth of it and 0.75 ms: suspect; over half of it and 2 ms, or a tenth and 5 ms: invalid. What it was due to
// explains that, and is no reason by itself. Half of the calls more than 200 µs late: suspect. A lateness at p99.9 of
// over 20 ms and a quarter of the response's: invalid. Source: the bound is derived in MEASURING.md.
func checkLateness(f *Facts, v *Verdict) {
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
		why := listCauses(f)
		if why != "" {
			why = " (" + why + ")"
		}
		v.addOwn(f, status, "client: the load generator itself may have added up to %v to p99, of %v%s: give it a "+
			"core of its own, or a lower rate", roughly(added), roughly(of), why)
	}
	if f.Pacing[50] > 200*time.Microsecond {
		v.addOwn(f, Suspect, "client: half of the calls went out more than %v late: give the load generator a core "+
			"of its own, or -spin", round(f.Pacing[50]))
	}
	if p999 := f.Pacing[99.9]; p999 > max(20*time.Millisecond, f.Response[99.9]/4) {
		v.addOwn(f, Invalid, "client: calls went out late by %v at p99.9 though a worker was free: the load "+
			"generator stood still or was starved of CPU", round(p999))
	}
}

// listCauses are what may have made the load generator late.
func listCauses(f *Facts) string {
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

// checkMaking: messages are made in time, also where their data comes from a slow disk. The limits are those of
// checkLateness, for what a call waits for before it is sent is no server's doing.
func checkMaking(f *Facts, v *Verdict) {
	share := float64(f.Making) / max(float64(f.Response[99]), 1)
	switch {
	case share > addedHalf && f.Making > addedTooMuch, share > addedShare && f.Making > addedAlways:
		v.addOwn(f, Invalid, "client: making a message took up to %v at p99, of a response of %v: its feeds cannot "+
			"keep up (a slow disk?)", round(f.Making), roughly(f.Response[99]))
	case share > addedShare && f.Making > addedLeast:
		v.addOwn(f, Suspect, "client: making a message took up to %v at p99, of a response of %v: its feeds hardly "+
			"keep up (a slow disk?)", round(f.Making), roughly(f.Response[99]))
	}
}

// checkStalls: the load generator ran throughout. Over 100 ms between two looks, which are 10 ms apart: invalid, for a
// load generator that stands still measures nothing then, and blames the server.
func checkStalls(f *Facts, v *Verdict) {
	if f.LongestStall > 100*time.Millisecond {
		v.addOwn(f, Invalid, "client: the load generator stood still for %v (stopped, swapped out, or starved of "+
			"CPU): the latencies of that time are its own", round(f.LongestStall))
	}
}

// checkSuspension: the machine was not suspended. Over 10 ms by which the clock that counts a suspension went ahead of
// the one that stands still, as two that are read one after the other hardly do: invalid.
func checkSuspension(f *Facts, v *Verdict) {
	if f.Suspended > 10*time.Millisecond {
		v.add(Invalid, "the machine was suspended for %v during the run: its clock stood still meanwhile, so no "+
			"latency of that time is true", roughly(f.Suspended))
	}
}

// checkGaps: the workers of a closed loop are with the server nearly all the time. Over a tenth of it spent between two
// calls: suspect, for the server had that much less than -c calls at once.
func checkGaps(f *Facts, v *Verdict) {
	const fewest = 100 // of fewer, the start of the workers is much
	if !f.Open && f.Before > 0.1 && f.OK+f.Failed >= fewest {
		v.add(Suspect, "client: workers spent %.0f %% of their time in the load generator, between two calls: the "+
			"server had that much less than -c calls at once", 100*f.Before)
	}
}

// checkLittle: the calls in flight are their rate times the time that one takes. Off by over 2 %: suspect, over 5 %:
// invalid, each beside five standard errors of the sampled mean, a tenth of the looks taken as independent. Looks see
// whole calls, so whatever they saw, their variance is at least f (1 - f), f being the fraction in the expected mean;
// and where fewer than leastSeen calls are to be seen in all looks together, these are too few to tell anything.
// Source: Little 1961, "A proof for the queuing formula L = λW".
func checkLittle(f *Facts, v *Verdict) {
	const leastSeen = 50
	if f.Looks < 100 || f.Littles == 0 || max(f.Littles, f.InFlight)*float64(f.Looks) < leastSeen {
		return
	}
	_, part := math.Modf(f.Littles)
	variance := max(f.Deviation*f.Deviation, part*(1-part))
	noise := 5 * math.Sqrt(variance/(float64(f.Looks)/10))
	switch off := math.Abs(f.InFlight - f.Littles); {
	case off > 0.05*f.Littles+noise:
		v.addOwn(f, Invalid, "%.2f calls were in flight on average, but their rate and their times make %.2f "+
			"(Little's law): the recorded times are wrong", f.InFlight, f.Littles)
	case off > 0.02*f.Littles+noise:
		v.add(Suspect, "%.2f calls were in flight on average, but their rate and their times make %.2f (Little's law)",
			f.InFlight, f.Littles)
	}
}

// checkCPU: the load generator had CPU to spare. Over 85 % of it used in a closed loop, where it then asks less of the
// server than it could: suspect. Stopped by a CPU quota: invalid. In an open loop want of CPU shows in what is late.
func checkCPU(f *Facts, v *Verdict) {
	if mean, known := f.mean(func(w Window) float64 { return w.CPU }); known && !f.Open && mean > 0.85 {
		v.add(Suspect, "client: the load generator used %.0f %% of its CPU: the server may be able to do more than "+
			"it was asked", 100*mean)
	}
	if f.Throttled > 0 {
		v.addOwn(f, Invalid, "client: a CPU quota stopped the load generator %d times", f.Throttled)
	}
}

// checkIdle: a machine that server and load generator share had something to spare. Less than 5 % idle in a closed
// loop, which goes as fast as it can: suspect, for the figures are those of both.
func checkIdle(f *Facts, v *Verdict) {
	idle, known := f.mean(func(w Window) float64 { return w.Idle })
	if known && f.Local && !f.Open && idle < 0.05 {
		v.add(Suspect, "the machine had %.0f %% idle: server and load generator compete for its cores, and the "+
			"figures are those of both", 100*idle)
	}
}

// checkClock: reading the clock is quick, for it is in every latency. Over 100 ns: suspect, over 1 µs: invalid.
func checkClock(f *Facts, v *Verdict) {
	switch {
	case f.ClockCost > time.Microsecond:
		v.add(Invalid, "reading the clock takes %v (clock source %s): it is in every latency", f.ClockCost,
			f.ClockSource)
	case f.ClockCost > 100*time.Nanosecond:
		v.add(Suspect, "reading the clock takes %v (clock source %s)", f.ClockCost, f.ClockSource)
	}
}

// checkArrivals: the gaps between Poisson arrivals are exponential. An Anderson-Darling statistic of over 100, with
// half of the calls late by 15 % of a mean gap: suspect, by 30 %: invalid. Both must be bad, for a wake-up of some tens
// of microseconds bunches high rates without harm. Source: Anderson and Darling 1954.
func checkArrivals(f *Facts, v *Verdict) {
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
