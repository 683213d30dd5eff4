package stats

import (
	"math"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// Shifted is what two independent samples say about the shift from the first to the second.
type Shifted struct {
	N, M int
	// First and Second are their means, Estimate is the difference.
	First, Second, Estimate float64
	// Low and High bound the difference at 95 %. They are infinite where a sample has fewer than two values.
	Low, High float64
	// P is the two-sided p-value of no shift.
	P float64
}

// Shift judges by how much b lies above a (Welch 1947, with the degrees of
// freedom of Satterthwaite): their variances need not be alike. Known is a
// variance that the difference has beside what the values show, as where those
// of a sample share something that they do not have in common with others; 0
// where there is none. Neither a nor b is changed.
func Shift(a, b []float64, known float64) Shifted {
	s := Shifted{N: len(a), M: len(b), Low: math.Inf(-1), High: math.Inf(1), P: 1}
	if s.N == 0 || s.M == 0 {
		return s
	}
	s.First, s.Second = stat.Mean(a, nil), stat.Mean(b, nil)
	s.Estimate = s.Second - s.First
	if s.N < 2 || s.M < 2 {
		return s
	}
	va, vb := stat.Variance(a, nil)/float64(s.N), stat.Variance(b, nil)/float64(s.M)
	if math.Abs(s.Estimate) <= 1e-12*math.Abs(s.First) {
		s.Second, s.Estimate = s.First, 0 // but for the rounding of the means
	}
	all := va + vb + known
	if all == 0 { // all alike on either side: errors, where there are none
		s.Low, s.High = s.Estimate, s.Estimate
		if s.Estimate != 0 {
			s.P = 0
		}
		return s
	}
	freedom := min(all*all/max(va*va/float64(s.N-1)+vb*vb/float64(s.M-1), math.SmallestNonzeroFloat64), 1e6)
	t := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: freedom}
	deviation := math.Sqrt(all)
	half := t.Quantile(0.5+Level/200.0) * deviation
	s.Low, s.High = s.Estimate-half, s.Estimate+half
	s.P = 2 * t.Survival(math.Abs(s.Estimate)/deviation)
	return s
}
