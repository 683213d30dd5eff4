package stats

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// AndersonDarling returns A2 of gaps against the exponential distribution of a
// known rate in arrivals per unit of the gaps (Anderson and Darling 1954; for a
// known rate 2.492 is critical at 5 %, 3.857 at 1 %, Stephens 1974). It sees
// arrivals that come in bunches or evenly, and is blind to a small constant
// lateness and to an error of the rate of a percent. The gaps are not changed;
// fewer than two give 0.
func AndersonDarling(gaps []float64, rate float64) float64 {
	n := len(gaps)
	if n < 2 {
		return 0
	}
	u := make([]float64, n)
	for i, g := range gaps {
		u[i] = min(max(-math.Expm1(-rate*g), 1e-12), 1-1e-12)
	}
	slices.Sort(u)
	var sum float64
	for i := range u {
		sum += float64(2*i+1) * (math.Log(u[i]) + math.Log1p(-u[n-1-i]))
	}
	return -float64(n) - sum/float64(n)
}

// MannKendall returns the two-sided p-value of the trend test (Mann 1945,
// Kendall 1975) for v in order of time: small where v rises or falls
// throughout. The normal approximation, with the correction for continuity and
// for ties, is good from ten values on; fewer than four give 1.
func MannKendall(v []float64) float64 {
	n := len(v)
	if n < 4 {
		return 1
	}
	var s int
	for i := range v {
		for j := i + 1; j < n; j++ {
			s += cmp.Compare(v[j], v[i])
		}
	}
	variance := float64(n*(n-1)*(2*n+5)) / 18
	sorted := slices.Sorted(slices.Values(v))
	for i := 0; i < n; {
		j := i
		for j < n && sorted[j] == sorted[i] {
			j++
		}
		t := float64(j - i)
		variance -= t * (t - 1) * (2*t + 5) / 18
		i = j
	}
	if variance <= 0 {
		return 1 // all alike
	}
	z := (math.Abs(float64(s)) - 1) / math.Sqrt(variance)
	return min(1, 2*distuv.UnitNormal.Survival(max(z, 0)))
}

// Spearman returns the rank correlation of v with itself one step later: 0 for
// independent values, towards 1 where neighbours are alike. Fewer than three
// give 0.
func Spearman(v []float64) float64 {
	if len(v) < 3 {
		return 0
	}
	r := ranks(v)
	rho := stat.Correlation(r[:len(r)-1], r[1:], nil)
	if math.IsNaN(rho) {
		return 0 // all alike
	}
	return rho
}

// EffectiveN is the number of independent values that n correlated ones are
// worth, for a correlation rho between neighbours: n(1-rho)/(1+rho), as for a
// first-order autoregression. A negative rho is not counted in favour.
func EffectiveN(n int64, rho float64) int64 {
	rho = min(max(rho, 0), 0.999)
	return max(1, int64(float64(n)*(1-rho)/(1+rho)))
}

// ranks gives each value its place from 1, ties their mean place.
func ranks(v []float64) []float64 {
	order := make([]int, len(v))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(v[a], v[b]) })
	r := make([]float64, len(v))
	for i := 0; i < len(order); {
		j := i
		for j < len(order) && v[order[j]] == v[order[i]] {
			j++
		}
		for _, k := range order[i:j] {
			r[k] = float64(i+j+1) / 2
		}
		i = j
	}
	return r
}
