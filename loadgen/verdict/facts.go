package verdict

import "time"

// Facts are what the rules look at. Zero values of optional facts mean unknown,
// and then their rules say nothing.
type Facts struct {
	// Open says that calls had intended times; in a closed loop the generator's own slowness lowers the
	// rate instead of falsifying a latency, so there its health is cause for doubt at most.
	Open bool
	// Interrupted is set where the run ended before its time.
	Interrupted bool
	// Aborted is the limit of -abort-on that ended the run; empty where none did.
	Aborted string

	Due, OK, Failed, Unfinished, NeverSent int64
	// WarmupUnanswered are calls of the warm-up that were never answered; Oldest and Least are the ages of the
	// unfinished, Silent how long nothing was answered at the end of the window though calls waited.
	WarmupUnanswered      int64
	Oldest, Least, Silent time.Duration
	// Moved are the reported percentiles of the response time that are known as lower bounds only.
	Moved []float64
	// Length is the measured window's.
	Length time.Duration
	// Own are those of Failed in which no server had a part, OwnReason what the first of them said.
	Own       int64
	OwnReason string
	Overflow  int64

	// Response and Pacing are by percentile: 50, 99, 99.9, as far as the count supports them.
	Response, Pacing map[float64]time.Duration
	// Added are bounds of what the load generator's own lateness added to percentiles of the response time.
	Added []Added
	// LongestStall is the longest time in which the generator did nothing at all.
	LongestStall time.Duration

	// Suspended is how long the machine was suspended meanwhile, which the run's clock does not show.
	Suspended time.Duration

	// InFlight is the sampled mean number of calls in flight, Deviation that of the samples, Looks their
	// number; Littles is what Little's law expects it to be.
	InFlight, Deviation, Littles float64
	Looks                        int
	// Before is the share of the calls' time that the generator took between a worker's being free for a
	// call and its send.
	Before float64

	// Windows are the generator's and the machine's seconds.
	Windows []Window
	// Local says that the target runs on this machine.
	Local bool
	// Throttled counts the times that a CPU quota stopped the generator.
	Throttled int64

	// GCPause is the longest pause of the garbage collector, GCShare the collector's share of the process's CPU time.
	GCPause time.Duration
	GCShare float64

	// ClockSource is the kernel's, ClockCost the time that reading the clock takes.
	ClockSource string
	ClockCost   time.Duration

	// Arrivals judges how evenly, or how randomly, the calls of a constant rate went out.
	Arrivals Arrivals
	// Making is how long, at p99, a message took to be made of its data, where that comes out of files.
	Making time.Duration
	// NeverReached are steps of flows that no call was due for.
	NeverReached []string
	// Mix are the arrivals by the flows that they started, where there are several.
	Mix []Share
	// Outage is when every call failed, where others of the run did not.
	Outage Outage
	// Drift is the p-value of a trend in the windows' medians, and how much their first and last third differ.
	DriftP, DriftShare float64
}

// Added is how much later a percentile of the response time can be than it was for a load generator that is never late:
// the calls that go out late, and the answers that are noticed late, by what was measured of either.
type Added struct {
	P  float64 `json:"p"`
	Ns int64   `json:"ns"` // at most
}

// Outage is a stretch of the run's seconds in which Failed calls ended, and none of them well. From and To are seconds
// into the measured window.
type Outage struct {
	From, To float64
	Failed   int64
}

// Window is a second of the run; shares are of 1.
type Window struct {
	// CPU is the share of the cores allotted to the generator that it used.
	CPU float64
	// Idle and Steal are shares of the whole machine; RunQueue is the time that the generator's threads
	// waited for a core, in cores. Negative: unknown.
	Idle, Steal, RunQueue float64
}

// Arrivals is how the sends of a constant rate were spaced.
type Arrivals struct {
	// AndersonDarling is the median over slices of Poisson arrivals, 0 where there is none.
	AndersonDarling float64 `json:"anderson_darling"`
	// GapDeviation is the standard deviation of uniform arrivals' gaps, in gaps.
	GapDeviation float64 `json:"gap_deviation"`
	// RateTimesPacing is calls per second times the median pacing in seconds.
	RateTimesPacing float64 `json:"rate_times_pacing"`
}

// mean and most sum the windows up; unknown windows do not count.
func (f *Facts) mean(of func(Window) float64) (mean float64, known bool) {
	n := 0
	for _, w := range f.Windows {
		if v := of(w); v >= 0 {
			mean += v
			n++
		}
	}
	if n == 0 {
		return 0, false
	}
	return mean / float64(n), true
}

// Share is how many of the arrivals started a flow, and which share of them, of 1, was asked for.
type Share struct {
	Name  string
	Count int64
	Asked float64
}
