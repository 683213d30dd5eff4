package stats_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"grpcbench/loadgen/stats"
)

// none is the bound of a sample that is too small for it.
const none = 0

// ST-1: the exact ranks, computed elsewhere.
func TestQuantileRanks(t *testing.T) {
	quantiles := []float64{0.5, 0.9, 0.99, 0.999, 0.9999}
	for _, row := range []struct {
		n    int64
		want []stats.Ranks // by quantile; those left out are not supported
	}{
		{100, []stats.Ranks{{40, 61}, {84, 96}, {97, none}}},
		{1_000, []stats.Ranks{{469, 532}, {881, 919}, {983, 997}, {997, none}}},
		{10_000, []stats.Ranks{{4902, 5099}, {8941, 9059}, {9880, 9920}, {9983, 9997}, {9997, none}}},
		{100_000, []stats.Ranks{{49690, 50311}, {89814, 90187}, {98938, 99062}, {99880, 99920}, {99983, 99997}}},
	} {
		for i, want := range row.want {
			if got := stats.QuantileRanks(row.n, quantiles[i]); got != want {
				t.Errorf("QuantileRanks(%d, %v) = %v, want %v", row.n, quantiles[i], got, want)
			}
		}
	}
}

// The smallest sample that bounds a quantile from above.
func TestSmallestSampleWithAnUpperBound(t *testing.T) {
	for _, tt := range []struct {
		q float64
		n int64
	}{{0.5, 6}, {0.9, 36}, {0.95, 72}, {0.99, 368}, {0.999, 3688}, {0.9999, 36887}} {
		if r := stats.QuantileRanks(tt.n, tt.q); r.High != tt.n {
			t.Errorf("QuantileRanks(%d, %v) = %v, want the largest value as upper bound", tt.n, tt.q, r)
		}
		if r := stats.QuantileRanks(tt.n-1, tt.q); r.High != none {
			t.Errorf("QuantileRanks(%d, %v) = %v, want no upper bound", tt.n-1, tt.q, r)
		}
	}
}

// For small samples the definition itself is quickly computed: a sum of binomial probabilities.
func TestQuantileRanksByTheirDefinition(t *testing.T) {
	for _, q := range []float64{0.01, 0.25, 0.5, 0.9, 0.99} {
		for n := int64(1); n <= 150; n++ {
			want := stats.Ranks{}
			pmf, cdf := math.Pow(1-q, float64(n)), 0.0
			for k := range n { // cdf is P(Bin(n,q) <= k)
				cdf += pmf
				if cdf <= 0.025 {
					want.Low = k + 1
				}
				if cdf >= 0.975 && want.High == none {
					want.High = k + 1
				}
				pmf *= float64(n-k) / float64(k+1) * q / (1 - q)
			}
			if got := stats.QuantileRanks(n, q); got != want {
				t.Fatalf("QuantileRanks(%d, %v) = %v, want %v", n, q, got, want)
			}
		}
	}
}

func TestQuantileRanksProperties(t *testing.T) {
	qs := []float64{0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999}
	ns := []int64{6, 7, 36, 100, 368, 999, 1000, 12345, 1_000_000, 123_456_789}
	for i, n := range ns {
		for j, q := range qs {
			r := stats.QuantileRanks(n, q)
			rank := int64(math.Ceil(float64(n) * q))
			if r.Low < 0 || r.Low > rank || r.High != none && (r.High < rank || r.High > n) {
				t.Errorf("QuantileRanks(%d, %v) = %v, which does not hold rank %d", n, q, r, rank)
			}
			if j > 0 {
				if less := stats.QuantileRanks(n, qs[j-1]); less.Low > r.Low || r.High != none && less.High > r.High {
					t.Errorf("of %d values, %v has the ranks %v, but %v has %v", n, qs[j-1], less, q, r)
				}
			}
			if i > 0 {
				if less := stats.QuantileRanks(ns[i-1], q); less.Low > r.Low || less.High > r.High {
					t.Errorf("at %v, %d values have the ranks %v, but %d have %v", q, ns[i-1], less, n, r)
				}
			}
		}
		for _, q := range []float64{0.5, 0.75, 0.9375} { // 1-q is exact
			upper, lower := stats.QuantileRanks(n, q), stats.QuantileRanks(n, 1-q)
			if upper.Low > 0 && upper.Low+lower.High != n+1 || upper.High != none && lower.Low+upper.High != n+1 {
				t.Errorf("of %d values, %v has the ranks %v, and %v has %v: want mirror images", n, q, upper, 1-q,
					lower)
			}
		}
	}
}

func TestQuantileRanksOfNothing(t *testing.T) {
	for _, tt := range []struct {
		reason string
		n      int64
		q      float64
	}{
		{"no values", 0, 0.5},
		{"negative values", -1, 0.5},
		{"the minimum", 100, 0},
		{"the maximum", 100, 1},
		{"below", 100, -0.1},
		{"above", 100, 1.1},
		{"not a number", 100, math.NaN()},
	} {
		if got := stats.QuantileRanks(tt.n, tt.q); got != (stats.Ranks{}) {
			t.Errorf("%s: QuantileRanks(%d, %v) = %v, want none", tt.reason, tt.n, tt.q, got)
		}
	}
}

// ST-2: the interval holds the true p99 as often as it says.
func TestCoverage(t *testing.T) {
	const samples, n, q = 2000, 1000, 0.99
	const z99 = 2.3263478740408408 // the normal distribution's
	truth := math.Exp(z99)
	r := stats.QuantileRanks(n, q)
	random := rand.New(rand.NewPCG(1, 2))
	below, above := 0, 0
	v := make([]float64, n)
	for range samples {
		for i := range v {
			v[i] = math.Exp(random.NormFloat64())
		}
		slices.Sort(v)
		switch {
		case truth < v[r.Low-1]:
			below++
		case truth > v[r.High-1]:
			above++
		}
	}
	if covered := 1 - float64(below+above)/samples; covered < 0.935 {
		t.Errorf("the interval held the p99 in %.4f of %d samples (missed %d times above it, %d below), want 0.935",
			covered, samples, below, above)
	}
	for side, missed := range map[string]int{"above": below, "below": above} {
		if share := float64(missed) / samples; share > 0.035 {
			t.Errorf("the interval lay %s the p99 in %.4f of the samples, want at most about 0.025", side, share)
		}
	}
}

// A percentile is shown from ten values beyond it on, and not from nine.
func TestSupported(t *testing.T) {
	for _, tt := range []struct {
		p        float64
		smallest int64
	}{
		{50, 20},
		{75, 40},
		{90, 100},
		{95, 200},
		{99, 1000},
		{99.9, 10_000},
		{99.99, 100_000},
		{99.999, 1_000_000},
		{99.9999, 10_000_000},
	} {
		for _, step := range []int64{0, 1, 2, 1000, 1_000_000_000} {
			if n := tt.smallest + step; !stats.Supported(n, tt.p) {
				t.Errorf("%d values do not support p%v, want %d to", n, tt.p, tt.smallest)
			}
		}
		for _, n := range []int64{tt.smallest - 1, tt.smallest / 2, 1, 0} {
			if stats.Supported(n, tt.p) {
				t.Errorf("%d values support p%v, want %d needed", n, tt.p, tt.smallest)
			}
		}
	}
}
