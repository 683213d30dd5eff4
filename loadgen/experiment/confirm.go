package experiment

import (
	"cmp"
	"context"
	"math"
	"slices"

	"grpcbench/loadgen/result"
)

// confirm tries both bounds again, by turns, the target started anew. A bound that does not hold gives way to the next.
func (s *search) confirm(ctx context.Context) {
	for s.left(ctx, confirmations) && !math.IsInf(s.low, 0) {
		if err := s.server.Restart(ctx); err != nil {
			s.failed = err
			return
		}
		low, high := s.low, s.high
		var lows, highs tries
		for range confirmations {
			lows.add(s.again(ctx, low))
			if !math.IsInf(high, 0) {
				highs.add(s.again(ctx, high))
				s.recover(ctx, high)
			}
		}
		s.doc.Passes, s.doc.Fails = &result.CapacityBound{Rate: low, Held: lows.passed, Of: lows.n}, nil
		if !math.IsInf(high, 0) {
			s.doc.Fails = &result.CapacityBound{Rate: high, Held: highs.failed, Of: highs.n}
		}
		if lows.most(lows.passed) && (math.IsInf(high, 0) || highs.most(highs.failed)) || lows.n == 0 {
			return
		}
		s.giveWay(low, high, lows, highs)
		s.doc.Passes, s.doc.Fails = nil, nil
		if !s.left(ctx, confirmations) {
			s.note("there was no time to try what takes their place again")
			return
		}
		switch {
		case math.IsInf(s.low, 0):
			s.bracket(ctx, low/(1+2*s.plan.Precision))
		case math.IsInf(s.high, 0) && s.plan.To == 0:
			s.bracket(ctx, high*(1+2*s.plan.Precision))
		}
		s.narrow(ctx)
	}
}

// tries counts what came of a rate that was tried again.
type tries struct{ n, passed, failed int }

func (t *tries) add(trial *result.CapacityTrial) {
	if trial == nil {
		return
	}
	t.n++
	switch trial.Outcome {
	case pass:
		t.passed++
	case undecided:
	default:
		t.failed++
	}
}

// most says whether so many are a half of them or more.
func (t *tries) most(n int) bool { return t.n > 0 && 2*n >= t.n }

// giveWay moves the bounds that did not hold to the next that were found. A rate that comes out otherwise each time is
// neither: it lies between the two.
func (s *search) giveWay(low, high float64, lows, highs tries) {
	switch {
	case lows.most(lows.failed) && lows.failed > lows.passed:
		s.note("%.0f/s, which passed once, failed %d of %d times when it was tried again", low, lows.failed, lows.n)
		s.revise(low, fail)
		s.high, s.why = low, s.whyNot(low)
		s.low = s.below(low)
	case !lows.most(lows.passed):
		s.note("%.0f/s, which passed once, passed %d of %d times when it was tried again", low, lows.passed, lows.n)
		s.revise(low, undecided)
		s.low = s.below(low)
	case highs.most(highs.passed) && highs.passed > highs.failed:
		s.note("%.0f/s, which failed once, passed %d of %d times when it was tried again", high, highs.passed, highs.n)
		s.revise(high, pass)
		s.low, s.high = high, s.above(high)
	default:
		s.note("%.0f/s, which failed once, failed %d of %d times when it was tried again", high, highs.failed, highs.n)
		s.revise(high, undecided)
		s.high = s.above(high)
	}
	if s.high != low && !math.IsInf(s.high, 0) {
		s.why = s.whyNot(s.high)
	}
}

// revise says what a rate's first outcome is worth, now that it was tried again.
func (s *search) revise(rate float64, outcome string) {
	for i := range s.doc.Trials {
		if t := &s.doc.Trials[i]; t.Rate == rate && t.Phase != "ceiling" {
			t.Revised = outcome
		}
	}
}

// outcome is what a trial is worth.
func outcome(t *result.CapacityTrial) string { return cmp.Or(t.Revised, t.Outcome) }

// again tries a rate once more.
func (s *search) again(ctx context.Context, rate float64) *result.CapacityTrial {
	if !s.left(ctx, 1) {
		return nil
	}
	return s.try(ctx, rate, "confirm")
}

// above is the lowest rate that did not pass among those above another.
func (s *search) above(rate float64) float64 {
	best := math.Inf(1)
	for _, t := range s.doc.Trials {
		if o := outcome(&t); (o == fail || o == generator) && t.Phase != "ceiling" && t.Rate > rate {
			best = min(best, t.Rate)
		}
	}
	return best
}

// whyNot is why a rate did not pass when it last did not.
func (s *search) whyNot(rate float64) string {
	for _, t := range slices.Backward(s.doc.Trials) {
		if t.Rate == rate && t.Outcome != pass && t.Phase != "ceiling" {
			return t.Why
		}
	}
	return s.why
}
