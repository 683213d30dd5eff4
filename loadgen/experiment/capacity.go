package experiment

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/requestid"
	"grpcbench/loadgen/result"
	"grpcbench/loadgen/verdict"
)

// Load is what a trial offers: calls at a rate, in calls a second, or as many as come in a closed loop where that is 0.
type Load struct {
	Rate      float64
	Warmup, D time.Duration
	Seed      uint64
}

// Measured is what became of a load.
type Measured struct {
	Document *result.Document
	// Over counts the calls of a step, or of all, whose series is longer than a limit, or may be since something cut
	// them off; of an empty series those without a success.
	Over func(step, series string, over time.Duration) Share
	// Check holds any objective against the load.
	Check func(verdict.Objective) verdict.Kept
}

// Server is what is measured. Its methods are not called concurrently.
type Server interface {
	// Measure makes a load, over new connections.
	Measure(ctx context.Context, l Load) (*Measured, error)
	// Restart starts an embedded target anew; of another's server it does nothing.
	Restart(ctx context.Context) error
	// Now tells the time.
	Now() time.Time
}

// Capacity searches for the highest rate that keeps the objectives. When ctx ends it returns what was found so far.
// Progress hears what is being done.
func Capacity(ctx context.Context, p plan.Capacity, server Server, progress func(string)) (*result.Capacity, error) {
	objectives, err := verdict.ParseSLO(p.SLO)
	if err != nil {
		return nil, err
	}
	began := server.Now()
	s := &search{
		plan: p, server: server, objectives: objectives, progress: progress, until: began.Add(p.Budget),
		low: math.Inf(-1), high: math.Inf(1),
		doc: &result.Capacity{
			Schema: result.CapacitySchema, RunID: requestid.ID{Run: requestid.NewRun()}.RunPrefix(),
			Started: began, Plan: p, Notes: []string{}, Trials: []result.CapacityTrial{}, SLO: []verdict.Kept{},
			Environment: result.Capture(),
		},
	}
	// whole seconds: much that is periodic is by them
	s.length = min(max((p.Budget/looksInBudget).Round(time.Second), shortestLook), longestLook)
	s.run(ctx)
	if s.failed != nil && len(s.doc.Trials) == 0 {
		return nil, s.failed
	}
	if ctx.Err() != nil {
		s.note("interrupted: this is what was found until then")
	} else if s.failed != nil {
		s.note("the search ended early: %v", s.failed)
	}
	s.finish()
	s.doc.DurationNs = int64(server.Now().Sub(began))
	return s.doc, nil
}

// How long a trial is, how many looks decide it, and how sure they are. An objective on a share of the calls, such as
// p99<20ms, is kept where the exact upper bound of that share is below what is allowed, missed where the lower bound is
// above it (Clopper and Pearson 1934); each bound is wrong in one of 40 trials at most, of which each look has its
// equal part (Bonferroni). Between the two a trial is looked at longer: the calls of all looks count together.
const (
	shortestLook, longestLook = 2 * time.Second, 10 * time.Second
	looksInBudget             = 60
	mostLooks                 = 3
	wrongBound                = 0.025
	confirmations             = 3
	reserve                   = 4*confirmations + 4 // looks that confirming may take
	// behind is the share of what was offered that a server which keeps up achieves at least.
	behind = 0.97
	// recovering is how long an overloaded server may take to come back.
	recovering = 30 * time.Second
	step       = 1.5 // from a rate that passes to the next, until one fails
)

// Outcomes of a trial.
const (
	pass      = "pass"
	fail      = "fail"
	undecided = "undecided"
	generator = "generator"
)

// search is the experiment being carried out.
type search struct {
	plan       plan.Capacity
	server     Server
	objectives []verdict.Objective
	progress   func(string)
	until      time.Time
	length     time.Duration // of a look
	low, high  float64       // the highest rate that passes, the lowest that does not
	why        string        // the high one does not
	leaning    bool          // what is undecided is far within its objectives: it lacks calls
	baseline   int64         // the median where there is no load to speak of, in nanoseconds
	seed       uint64
	doc        *result.Capacity
	failed     error
}

func (s *search) note(format string, args ...any) {
	s.doc.Notes = append(s.doc.Notes, fmt.Sprintf(format, args...))
}

// left says whether there is time for so many more looks.
func (s *search) left(ctx context.Context, looks int) bool {
	return ctx.Err() == nil && s.failed == nil && s.server.Now().Add(time.Duration(looks)*s.cost()).Before(s.until)
}

// cost is about what a look takes, with its warm-up and what comes after.
func (s *search) cost() time.Duration { return s.length + s.warmup() + 300*time.Millisecond }

func (s *search) warmup() time.Duration { return max(s.length/4, 300*time.Millisecond) }

// run finds a rate that passes and one that does not, goes between them, and tries both again.
func (s *search) run(ctx context.Context) {
	rate := s.plan.From
	if ceiling := s.ceiling(ctx); rate == 0 {
		rate = max(1, ceiling/2)
	}
	if s.plan.To > 0 {
		rate = min(rate, s.plan.To)
	}
	s.measureBaseline(ctx)
	s.bracket(ctx, rate)
	s.narrow(ctx)
	s.confirm(ctx)
}

// narrow bisects, in the logarithm of the rate, between the highest rate that passes and the lowest that fails. Rates
// that cannot be decided lie between the two, and are gone around: from below and from above.
func (s *search) narrow(ctx context.Context) {
	for s.left(ctx, reserve) && s.bracketed() && s.high/s.low > 1+s.plan.Precision {
		first, last := s.undecided()
		if last == 0 {
			first, last = s.high, s.low
		}
		below, above := first/s.low, s.high/last
		switch {
		case max(below, above) <= 1+s.plan.Precision/2: // all between is undecided
			return
		case below >= above:
			s.tryRate(ctx, math.Sqrt(s.low*first), "search")
		default:
			s.tryRate(ctx, math.Sqrt(last*s.high), "search")
		}
	}
}

// undecided are the lowest and the highest rate between the bounds that came out neither way; 0 where there is none.
func (s *search) undecided() (first, last float64) {
	first = s.high
	for _, t := range s.doc.Trials {
		if outcome(&t) == undecided && t.Phase != "ceiling" && t.Rate > s.low && t.Rate < s.high {
			first, last = min(first, t.Rate), max(last, t.Rate)
		}
	}
	return first, last
}

func (s *search) bracketed() bool { return !math.IsInf(s.low, 0) && !math.IsInf(s.high, 0) }

// ceiling is what a closed loop reaches.
func (s *search) ceiling(ctx context.Context) float64 {
	s.reportProgress("what a closed loop reaches")
	m, err := s.measure(ctx, 0)
	if err != nil {
		return 0
	}
	s.doc.Ceiling = m.Document.Rate.Achieved
	t := trialOf(m, 0)
	t.Phase, t.Outcome, t.Looks = "ceiling", undecided, 1
	s.doc.Trials = append(s.doc.Trials, t)
	return s.doc.Ceiling
}

// bracket goes up until a rate does not pass, or down until one does.
func (s *search) bracket(ctx context.Context, rate float64) {
	for s.left(ctx, 1) {
		came := s.tryRate(ctx, rate, "search")
		// What is undecided for want of calls is decided by more of them, which a higher rate makes.
		more := !math.IsInf(s.low, 0) || rate <= max(s.plan.From, 0.1) || s.leaning && math.IsInf(s.high, 0)
		up := came == pass || came == undecided && more
		switch {
		case s.bracketed(), s.failed != nil:
			return
		case up && s.plan.To > 0 && rate >= s.plan.To:
			return
		case up:
			rate *= step
			if s.plan.To > 0 {
				rate = min(rate, s.plan.To)
			}
		case rate <= max(s.plan.From, 0.1):
			return
		default:
			rate = max(rate/2, s.plan.From, 0.1)
		}
	}
}

// tryRate tries a rate, and moves the bound that it tells of. After a rate that is too much the server has time to come
// back.
func (s *search) tryRate(ctx context.Context, rate float64, phase string) string {
	t := s.try(ctx, rate, phase)
	if t == nil {
		return ""
	}
	switch t.Outcome {
	case pass:
		if rate < s.high { // the lowest rate that fails wins over a higher one that passed
			s.low = max(s.low, rate)
		}
	case undecided:
		s.recover(ctx, rate)
	default:
		if rate < s.high {
			s.high, s.why = rate, t.Why
		}
		if s.low >= s.high {
			s.note("%.0f/s passed, and %.0f/s, which is less, did not: the lower counts", s.low, s.high)
			s.low = s.below(s.high)
		}
		s.recover(ctx, rate)
	}
	return t.Outcome
}

// below is the highest rate that passed among those below another.
func (s *search) below(rate float64) float64 {
	best := math.Inf(-1)
	for _, t := range s.doc.Trials {
		if outcome(&t) == pass && t.Phase != "ceiling" && t.Rate < rate {
			best = max(best, t.Rate)
		}
	}
	return best
}

// measureBaseline looks at the server where there is no load to speak of, to know it again.
func (s *search) measureBaseline(ctx context.Context) {
	s.reportProgress("the server at rest")
	s.baseline = s.medianAtRest(ctx)
}

// medianAtRest is the median at a low rate, in nanoseconds; 0 where calls fail, or none is over.
func (s *search) medianAtRest(ctx context.Context) int64 {
	m, err := s.server.Measure(ctx,
		Load{Rate: max(5, min(s.doc.Ceiling/20, 50)), D: time.Second, Seed: s.plan.Load.Seed})
	if err != nil {
		s.failed = err
		return 0
	}
	p50, ok := m.Document.Latency["response"].At(50)
	if !ok || m.Document.Failures() > 0 {
		return 0
	}
	return p50.Ns
}

// recover looks at the server, at the same low rate, until it is as before.
func (s *search) recover(ctx context.Context, after float64) {
	if s.baseline == 0 {
		return
	}
	began := s.server.Now()
	for s.left(ctx, 0) {
		if p50 := s.medianAtRest(ctx); p50 > 0 && p50 <= 2*s.baseline+int64(100*time.Microsecond) {
			return
		}
		if s.server.Now().Sub(began) > recovering {
			s.doc.Recovery = fmt.Sprintf("does not recover within %v after %.0f/s", recovering, after)
			if err := s.server.Restart(ctx); err != nil {
				s.failed = err
			}
			return
		}
		s.reportProgress(fmt.Sprintf("waiting for the server to come back after %.0f/s", after))
	}
}

func (s *search) measure(ctx context.Context, rate float64) (*Measured, error) {
	s.seed++
	m, err := s.server.Measure(ctx,
		Load{Rate: rate, Warmup: s.warmup(), D: s.lengthAt(rate), Seed: s.plan.Load.Seed + s.seed})
	if err != nil {
		s.failed = err
	}
	return m, err
}

// finish says what was found, in the document.
func (s *search) finish() {
	d := s.doc
	if d.Passes == nil && !math.IsInf(s.low, 0) {
		d.Passes = &result.CapacityBound{Rate: s.low}
	}
	if d.Fails == nil && !math.IsInf(s.high, 0) {
		d.Fails = &result.CapacityBound{Rate: s.high}
	}
	if d.Fails != nil {
		d.LimitedBy, d.Generator = s.why, ""
		for _, t := range d.Trials {
			if t.Rate == d.Fails.Rate && t.Outcome == generator {
				d.Generator = t.Why
			}
		}
	}
	if s.bracketed() && s.high/s.low > 1+s.plan.Precision {
		if first, last := s.undecided(); last > 0 {
			s.note("%.0f/s to %.0f/s came out now this way, now that, or neither: longer looks, by a longer -budget, "+
				"say more", first, last)
		} else {
			s.note("the time was over before the two were within %.3g %% of each other: a longer -budget says more",
				100*s.plan.Precision)
		}
	}
	d.Knee = knee(d.Trials)
}

// knee is the highest rate at which the median is at most twice that of the lowest rate.
func knee(trials []result.CapacityTrial) (rate float64) {
	open := slices.DeleteFunc(slices.Clone(trials),
		func(t result.CapacityTrial) bool { return t.Phase == "ceiling" || t.P50Ns == 0 })
	slices.SortFunc(open, func(a, b result.CapacityTrial) int { return int(math.Copysign(1, a.Rate-b.Rate)) })
	for _, t := range open {
		if t.P50Ns > 2*open[0].P50Ns {
			break
		}
		rate = t.Rate
	}
	return rate
}

// reportProgress says what is done, what is known, and how long it may take.
func (s *search) reportProgress(what string) {
	known := "nothing known yet"
	switch {
	case s.bracketed():
		known = fmt.Sprintf("passes %.0f/s, fails %.0f/s", s.low, s.high)
	case !math.IsInf(s.low, 0):
		known = fmt.Sprintf("passes %.0f/s", s.low)
	case !math.IsInf(s.high, 0):
		known = fmt.Sprintf("fails %.0f/s", s.high)
	}
	s.progress(fmt.Sprintf("%s; %s; %v left at most", what, known,
		max(0, s.until.Sub(s.server.Now())).Round(time.Second)))
}
