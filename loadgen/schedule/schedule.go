// Package schedule makes arrivals: the intended start times of calls, or of a
// stream's messages, fixed before a run. It is pure: it reads no clock, and the
// same schedule gives the same times.
package schedule

import (
	"iter"
	"math"
	"math/bits"
	"math/rand/v2"
	"time"
)

// Schedule yields arrivals in order, as times since its start. It is not for
// concurrent use.
type Schedule interface {
	// Next returns the next arrival; false after the last.
	Next() (time.Duration, bool)
}

// Rate is in thousandths of arrivals per second, so that slow rates are exact too.
type Rate int64

// PerSecond is n arrivals a second.
func PerSecond(n float64) Rate { return Rate(math.Round(n * 1000)) }

// PerSecond is the rate as a number.
func (r Rate) PerSecond() float64 { return float64(r) / 1000 }

// Uniform returns arrivals 1/rate apart in [0, d). The k-th is the integer part
// of k/rate in nanoseconds, not k times a rounded interval: it cannot drift.
func Uniform(rate Rate, d time.Duration) Schedule { return &uniform{rate: uint64(rate), end: d} }

type uniform struct {
	rate, k uint64
	end     time.Duration
}

func (u *uniform) Next() (time.Duration, bool) {
	if u.rate == 0 {
		return 0, false
	}
	hi, lo := bits.Mul64(u.k, 1e12) // k * 1e9 ns * 1000 thousandths
	if hi >= u.rate {
		return 0, false // beyond any duration
	}
	at, _ := bits.Div64(hi, lo, u.rate)
	if at > math.MaxInt64 || time.Duration(at) >= u.end {
		return 0, false
	}
	u.k++
	return time.Duration(at), true
}

// Stage is a span with a rate that stays, or goes in a line from From to To.
type Stage struct {
	D        time.Duration
	From, To Rate
}

// Stages returns arrivals through the stages in turn: evenly spaced in the
// expected number of arrivals, or with poisson at random, drawn from seed.
//
// Both are a process of rate one mapped through the inverse of the stages'
// cumulative rate (Lewis and Shedler's inversion), so a random schedule is a
// Poisson process whose rate follows the stages exactly.
func Stages(stages []Stage, poisson bool, seed uint64) Schedule {
	s := &staged{stages: stages}
	if poisson {
		s.draw = rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))
		s.target = s.draw.ExpFloat64()
	}
	return s
}

// Poisson returns arrivals of a Poisson process in [0, d): the gaps are
// independent and exponential.
func Poisson(rate Rate, d time.Duration, seed uint64) Schedule {
	return Stages([]Stage{{D: d, From: rate, To: rate}}, true, seed)
}

type staged struct {
	stages []Stage
	draw   *rand.Rand // nil: evenly
	target float64    // expected arrivals at the next one
	before float64    // expected arrivals before stages[0]
	start  float64    // of stages[0], ns
}

func (s *staged) Next() (time.Duration, bool) {
	for len(s.stages) > 0 {
		st := s.stages[0]
		d := float64(st.D)
		in := st.expected(d)
		if s.target-s.before < in-rounding {
			at := s.start + st.inverse(max(0, s.target-s.before))
			if s.draw != nil {
				s.target += s.draw.ExpFloat64()
			} else {
				s.target++
			}
			return time.Duration(math.Round(at)), true
		}
		s.before += in
		s.start += d
		s.stages = s.stages[1:]
	}
	return 0, false
}

// rounding is in arrivals: one that falls on the end of a stage belongs to the next, whichever way its
// floating-point sum fell.
const rounding = 1e-6

// expected is the integral of the rate over the stage's first t nanoseconds.
func (st Stage) expected(t float64) float64 {
	from, to := st.From.PerSecond()/1e9, st.To.PerSecond()/1e9
	return t * (from + (to-from)*t/(2*float64(st.D)))
}

// inverse is the time at which expected is n: the root of a quadratic, in the
// form that does not cancel where the rate hardly changes.
func (st Stage) inverse(n float64) float64 {
	from, to := st.From.PerSecond()/1e9, st.To.PerSecond()/1e9
	slope := (to - from) / float64(st.D)
	root := math.Sqrt(max(from*from+2*slope*n, 0))
	if from+root == 0 {
		return 0
	}
	return min(2*n/(from+root), float64(st.D))
}

// Length is the time the stages take together.
func Length(stages []Stage) (d time.Duration) {
	for _, s := range stages {
		d += s.D
	}
	return d
}

// Limit ends s after n arrivals.
func Limit(s Schedule, n int64) Schedule { return &limited{s, n} }

type limited struct {
	Schedule
	left int64
}

func (l *limited) Next() (time.Duration, bool) {
	if l.left <= 0 {
		return 0, false
	}
	l.left--
	return l.Schedule.Next()
}

// All ranges over what is left of s.
func All(s Schedule) iter.Seq[time.Duration] {
	return func(yield func(time.Duration) bool) {
		for {
			at, ok := s.Next()
			if !ok || !yield(at) {
				return
			}
		}
	}
}
