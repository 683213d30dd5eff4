package stats_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"grpcbench/loadgen/stats"
)

// ordinals are 2^0, 2^1 ...: each Walsh average is different, so an interval's ends tell their ranks.
func ordinals(n int) []float64 {
	d := make([]float64, n)
	for i := range d {
		d[i] = math.Ldexp(1, i)
	}
	return d
}

// The ranks of the exact interval, from the published tables.
func TestPairRanks(t *testing.T) {
	for n, k := range map[int]int{6: 1, 10: 9, 20: 53, 24: 82, 30: 138, 40: 265} {
		d := ordinals(n)
		var w []float64
		for i := range d {
			for j := i; j < n; j++ {
				w = append(w, (d[i]+d[j])/2)
			}
		}
		p := stats.Pair(d)
		below, above := 0, 0
		for _, x := range w {
			if x < p.Low {
				below++
			}
			if x > p.High {
				above++
			}
		}
		if below != k-1 || above != k-1 {
			t.Errorf("n=%d: %d Walsh averages below and %d above the interval, want %d", n, below, above, k-1)
		}
	}
	if p := stats.Pair(ordinals(5)); !math.IsInf(p.Low, -1) || !math.IsInf(p.High, 1) {
		t.Errorf("five pairs are bounded by %v and %v: they cannot be, at 95 %%", p.Low, p.High)
	}
}

func TestPairByHand(t *testing.T) {
	for _, tt := range []struct {
		reason string
		d      []float64
		want   stats.Paired
	}{
		{"none", nil, stats.Paired{Low: math.Inf(-1), High: math.Inf(1), P: 1}},
		{"one", []float64{3}, stats.Paired{N: 1, Estimate: 3, Low: math.Inf(-1), High: math.Inf(1), P: 1}},
		// All positive: P = 2/2^6.
		{
			"six of one sign",
			[]float64{1, 2, 3, 4, 5, 6},
			stats.Paired{N: 6, Estimate: 3.5, Low: 1, High: 6, P: 2.0 / 64},
		},
		// |d| all tied: the sum of the positive ranks is like a count of heads: 2(1+4+6)/16, at most 1.
		{"ties", []float64{1, -1, 1, -1}, stats.Paired{N: 4, P: 1, Low: math.Inf(-1), High: math.Inf(1)}},
		{"zeros say nothing", []float64{0, 0, 0, 0}, stats.Paired{N: 4, P: 1, Low: math.Inf(-1), High: math.Inf(1)}},
	} {
		if diff := cmp.Diff(tt.want, stats.Pair(tt.d), cmpopts.EquateApprox(0, 1e-4)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.reason, diff)
		}
	}
}

// AB-3: the interval covers the truth as often as it says, also with heavy tails and with a drift that both arms share.
func TestPairCoverage(t *testing.T) {
	const n, runs, truth = 27, 2000, 1.8
	random := rand.New(rand.NewPCG(1, 2))
	student := func() float64 { // t with 3 degrees of freedom
		var chi float64
		for range 3 {
			x := random.NormFloat64()
			chi += x * x
		}
		return random.NormFloat64() / math.Sqrt(chi/3)
	}
	for _, tt := range []struct {
		reason string
		draw   func(i int) float64
	}{
		{"normal noise", func(int) float64 { return truth + 0.5*random.NormFloat64() }},
		{"t(3) noise", func(int) float64 { return truth + 0.5*student() }},
		{"a drift that both arms share", func(i int) float64 {
			drift := 0.4 * float64(i)
			on, off := 50+drift+truth+0.35*random.NormFloat64(), 50+drift+0.35*random.NormFloat64()
			return on - off
		}},
	} {
		covered := share(func() bool {
			d := make([]float64, n)
			for i := range d {
				d[i] = tt.draw(i)
			}
			p := stats.Pair(d)
			return p.Low <= truth && truth <= p.High
		})
		if covered < 0.935 || covered > 0.965 {
			t.Errorf("%s: the 95 %% interval covers the truth in %.1f %% of %d runs", tt.reason, 100*covered, runs)
		}
	}
}

// AB-5, on paper: with the labels swapped the answer is the same with the other sign.
func TestPairIsSymmetric(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	d, swapped := make([]float64, 20), make([]float64, 20)
	for i := range d {
		d[i] = 1 + random.NormFloat64()
		swapped[i] = -d[i]
	}
	a, b := stats.Pair(d), stats.Pair(swapped)
	if math.Abs(a.Estimate+b.Estimate) > 1e-12 || math.Abs(a.Low+b.High) > 1e-12 || math.Abs(a.High+b.Low) > 1e-12 ||
		a.P != b.P {
		t.Errorf("%+v, and swapped %+v", a, b)
	}
}

// The p-value is uniform where there is no shift, and small where there is one.
func TestPairP(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for _, tt := range []struct {
		shift, low, high float64
	}{{0, 0.035, 0.06}, {1, 0.99, 1}} {
		rejected := share(func() bool {
			d := make([]float64, 25)
			for i := range d {
				d[i] = tt.shift + random.NormFloat64()
			}
			return stats.Pair(d).P <= 0.05
		})
		if rejected < tt.low || rejected > tt.high {
			t.Errorf("a shift of %v is seen in %.1f %% of the runs", tt.shift, 100*rejected)
		}
	}
}

func TestHolm(t *testing.T) {
	for _, tt := range []struct {
		reason  string
		p, want []float64
	}{
		{"none", nil, []float64{}},
		{"one is itself", []float64{0.03}, []float64{0.03}},
		{"the smallest times all, and so on", []float64{0.01, 0.04, 0.03}, []float64{0.03, 0.06, 0.06}},
		{"never more than 1, never out of order", []float64{0.9, 0.2, 0.8}, []float64{1, 0.6, 1}},
	} {
		if diff := cmp.Diff(tt.want, stats.Holm(tt.p), cmpopts.EquateApprox(0, 1e-12)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.reason, diff)
		}
	}
}
