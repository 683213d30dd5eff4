package stats

import (
	"sort"

	"gonum.org/v1/gonum/stat/distuv"
)

// Ranks are the 1-based order statistics that bound a quantile. A bound that
// the sample is too small for is 0.
type Ranks struct{ Low, High int64 }

// QuantileRanks returns the ranks of the two-sided 95 % confidence interval of
// the q-quantile of n independent values, by the exact binomial distribution:
// Low is the largest l with P(Bin(n,q) <= l-1) <= 0.025, High the smallest u
// with P(Bin(n,q) <= u-1) >= 0.975 (David and Nagaraja, Order Statistics,
// section 7.1).
func QuantileRanks(n int64, q float64) Ranks {
	if n < 1 || !(q > 0 && q < 1) {
		return Ranks{}
	}
	const tail = 0.025
	b := distuv.Binomial{N: float64(n), P: q}
	// atLeast is the smallest k in [0, n) with CDF(k) >= p, or n.
	atLeast := func(p float64) int64 {
		return int64(sort.Search(int(n), func(k int) bool { return b.CDF(float64(k)) >= p }))
	}
	var r Ranks
	// The largest l-1 with CDF <= tail is one below the smallest k with CDF > tail.
	above := int64(sort.Search(int(n), func(k int) bool { return b.CDF(float64(k)) > tail }))
	r.Low = above // l-1 = above-1; 0 where even CDF(0) > tail
	if u := atLeast(1-tail) + 1; u <= n {
		r.High = u
	}
	return r
}

// Supported says whether n values support printing the p-th percentile at
// all: at least ten of them must lie beyond it.
func Supported(n int64, p float64) bool {
	return float64(n)*(100-p)/100 >= 10*(1-1e-9) // 100-99.9 is a little off
}
