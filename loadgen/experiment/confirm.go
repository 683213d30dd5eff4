package experiment

import (
	"cmp"
	"context"
	"math"
	"slices"

	"grpcbench/loadgen/result"
)

// confirm tries both bounds again, by turns, the target started anew. A bound that does not hold each time gives way to
// the next: a machine may differ that much between two runs, and an answer is to hold when it is tried again.
func (s *search) confirm(ctx context.Context) {
	for s.left(ctx, confirmations) && !math.IsInf(s.low, 0) {
		if err := s.server.Restart(ctx); err != nil {
			s.failed = err
			return
		}
		low, high := s.low, s.high
		for range confirmations {
			s.tryAgain(ctx, low)
			if s.tryAgain(ctx, high) {
				s.recover(ctx, high)
			}
		}
		lows, highs := s.countTries(low), s.countTries(high)
		s.doc.Passes, s.doc.Fails = &result.CapacityBound{Rate: low, Held: lows.passed, Of: lows.n}, nil
		if !math.IsInf(high, 0) {
			s.doc.Fails = &result.CapacityBound{Rate: high, Held: highs.failed, Of: highs.n}
		}
		if !s.moveBounds(low, high, lows, highs) {
			return
		}
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

// tryAgain tries a rate once more, where it was not tried often enough, and says whether it did.
func (s *search) tryAgain(ctx context.Context, rate float64) bool {
	return !math.IsInf(rate, 0) && s.countTries(rate).n < confirmations && s.left(ctx, 1) &&
		s.try(ctx, rate, "confirm") != nil
}

// tries counts what came of a rate when it was tried again.
type tries struct{ n, passed, failed int }

func (s *search) countTries(rate float64) (t tries) {
	for _, trial := range s.doc.Trials {
		if trial.Rate != rate || trial.Phase != "confirm" {
			continue
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
	return t
}

// most says whether so many are more than a half of them, where there was time for all of them.
func (t tries) most(n int) bool { return 2*n > t.n || t.n < confirmations }

// moveBounds moves the bounds that did not hold to the next that were found, and says whether there were any. A rate
// that comes out now this way, now that lies between the two; one that failed each time, against once that it passed,
// is too much.
func (s *search) moveBounds(low, high float64, lows, highs tries) (moved bool) {
	if lows.failed > 0 || !lows.most(lows.passed) {
		s.note("%.0f/s, which passed once, passed %d of %d times when it was tried again", low, lows.passed, lows.n)
		if lows.failed == lows.n {
			s.revise(low, fail)
			s.high, s.why, highs = low, s.reasonAt(low), tries{}
		} else {
			s.revise(low, undecided)
		}
		s.low, moved = s.below(low), true
	}
	if highs.passed > 0 || !highs.most(highs.failed) {
		s.note("%.0f/s, which failed once, failed %d of %d times when it was tried again", high, highs.failed, highs.n)
		s.revise(high, undecided)
		s.high, moved = s.above(high), true
		s.why = s.reasonAt(s.high)
	}
	return moved
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

// reasonAt is why a rate did not pass when it last did not.
func (s *search) reasonAt(rate float64) string {
	for _, t := range slices.Backward(s.doc.Trials) {
		if t.Rate == rate && t.Outcome != pass && t.Phase != "ceiling" {
			return t.Why
		}
	}
	return s.why
}
