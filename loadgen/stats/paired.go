package stats

import (
	"math"
	"slices"
)

// Paired is what differences of pairs say about the shift between the two.
type Paired struct {
	N int
	// Estimate is Hodges and Lehmann's: the median of the Walsh averages.
	Estimate float64
	// Low and High bound it at 95 % or more, by the exact distribution of Wilcoxon's signed ranks. They are
	// infinite for fewer than six pairs, which cannot bound it.
	Low, High float64
	// P is the two-sided p-value of no shift, of the same distribution.
	P float64
}

// Level is what intervals are made at, in percent.
const Level = 95

// Pair judges differences d (Hodges and Lehmann 1963; Hollander, Wolfe and
// Chicken, Nonparametric Statistical Methods, 3.1 to 3.3). Ties of |d| count
// with their mid-ranks in P, zeros are left out of it. d is not changed.
func Pair(d []float64) Paired {
	n := len(d)
	p := Paired{N: n, Low: math.Inf(-1), High: math.Inf(1), P: 1}
	if n == 0 {
		return p
	}
	w := walshAverages(d)
	m := len(w)
	p.Estimate = (w[(m-1)/2] + w[m/2]) / 2
	if k := wilcoxonRank(n); k > 0 {
		p.Low, p.High = w[k-1], w[m-k]
	}
	p.P = signedRankP(d)
	return p
}

// walshAverages returns the averages of all pairs, each with itself too, in order.
func walshAverages(d []float64) []float64 {
	w := make([]float64, 0, len(d)*(len(d)+1)/2)
	for i := range d {
		for j := i; j < len(d); j++ {
			w = append(w, (d[i]+d[j])/2)
		}
	}
	slices.Sort(w)
	return w
}

// signedRanks returns the distribution of the sum of positive ranks under no
// shift: the probability of each sum from 0 to n(n+1)/2.
func signedRanks(n int) []float64 {
	p := make([]float64, n*(n+1)/2+1)
	p[0] = 1
	top := 0
	for rank := 1; rank <= n; rank++ {
		top += rank
		for s := top; s >= 0; s-- { // each rank is positive with probability one half
			p[s] /= 2
			if s >= rank {
				p[s] += p[s-rank] / 2
			}
		}
	}
	return p
}

// wilcoxonRank is the k for which the k-th smallest and the k-th largest Walsh
// average bound the shift at [Level]; 0 where there is none.
func wilcoxonRank(n int) int {
	var below float64
	for k, p := range signedRanks(n) {
		below += p
		if below > (1-Level/100.0)/2 {
			return k
		}
	}
	return 0
}

// signedRankP is the exact two-sided p-value. Mid-ranks are doubled, so that they are whole.
func signedRankP(d []float64) float64 {
	var v []float64
	for _, x := range d {
		if x != 0 {
			v = append(v, x)
		}
	}
	if len(v) == 0 {
		return 1
	}
	slices.SortFunc(v, func(a, b float64) int {
		switch x, y := math.Abs(a), math.Abs(b); {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	doubled := make([]int, len(v))
	total := 0
	for i := 0; i < len(v); {
		j := i
		for j < len(v) && math.Abs(v[j]) == math.Abs(v[i]) {
			j++
		}
		for k := i; k < j; k++ {
			doubled[k] = i + 1 + j
		}
		i = j
	}
	positive := 0
	for i, r := range doubled {
		total += r
		if v[i] > 0 {
			positive += r
		}
	}
	p := make([]float64, total+1)
	p[0] = 1
	for _, r := range doubled {
		for s := total; s >= 0; s-- {
			p[s] /= 2
			if s >= r {
				p[s] += p[s-r] / 2
			}
		}
	}
	var tail float64
	for s := 0; s <= min(positive, total-positive); s++ {
		tail += p[s]
	}
	return min(1, 2*tail)
}

// Holm adjusts p-values for their number (Holm 1979): each result, compared with
// a level, holds for the whole family at that level. p is not changed.
func Holm(p []float64) []float64 {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		switch {
		case p[a] < p[b]:
			return -1
		case p[a] > p[b]:
			return 1
		}
		return 0
	})
	adjusted := make([]float64, len(p))
	var most float64
	for rank, i := range order {
		most = max(most, min(1, float64(len(p)-rank)*p[i]))
		adjusted[i] = most
	}
	return adjusted
}
