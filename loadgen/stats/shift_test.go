package stats_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"grpcbench/loadgen/stats"
)

// What R's t.test prints for data sets that come with it, here the second sample less the first.
func TestShiftByTheBook(t *testing.T) {
	for _, tt := range []struct {
		reason string
		a, b   []float64
		want   stats.Shifted
	}{
		{
			"sleep: t = 1.8608 at 17.776 degrees of freedom",
			[]float64{0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0, 2},
			[]float64{1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4},
			stats.Shifted{
				N: 10, M: 10, First: 0.75, Second: 2.33, Estimate: 1.58, Low: -0.2054832, High: 3.3654832,
				P: 0.07939414,
			},
		},
		{
			"mtcars, mpg of automatic and manual: sizes and variances unlike, t = 3.7671 at 18.332",
			[]float64{
				21.4, 18.7, 18.1, 14.3, 24.4, 22.8, 19.2, 17.8, 16.4, 17.3, 15.2, 10.4, 10.4, 14.7, 21.5, 15.5,
				15.2, 13.3, 19.2,
			},
			[]float64{21, 21, 22.8, 32.4, 30.4, 33.9, 27.3, 26, 30.4, 15.8, 19.7, 15, 21.4},
			stats.Shifted{
				N: 19, M: 13, First: 17.1473684, Second: 24.3923077, Estimate: 7.2449393, Low: 3.2096842,
				High: 11.2801944, P: 0.00137364,
			},
		},
		{
			"variances of 0.5 and 2 of two values each: 25/17 degrees of freedom",
			[]float64{1, 2},
			[]float64{4, 6},
			stats.Shifted{
				N: 2, M: 2, First: 1.5, Second: 5, Estimate: 3.5, Low: -3.4185228, High: 10.4185228,
				P: 0.12904784,
			},
		},
	} {
		a, b := slices.Clone(tt.a), slices.Clone(tt.b)
		if diff := cmp.Diff(tt.want, stats.Shift(a, b, 0), cmpopts.EquateApprox(0, 2e-7)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.reason, diff)
		}
		if !slices.Equal(a, tt.a) || !slices.Equal(b, tt.b) {
			t.Errorf("%s: a sample was changed", tt.reason)
		}
	}
}

// Samples that say little or nothing.
func TestShiftOfFew(t *testing.T) {
	none := math.Inf(1)
	for _, tt := range []struct {
		reason string
		a, b   []float64
		apart  float64
		want   stats.Shifted
	}{
		{"nothing", nil, nil, 0, stats.Shifted{Low: -none, High: none, P: 1}},
		{"nothing to begin with", nil, []float64{1, 2}, 0, stats.Shifted{M: 2, Low: -none, High: none, P: 1}},
		{"nothing to end with", []float64{1, 2}, nil, 0.2, stats.Shifted{N: 2, Low: -none, High: none, P: 1}},
		{
			"one of each",
			[]float64{1},
			[]float64{5},
			0,
			stats.Shifted{N: 1, M: 1, First: 1, Second: 5, Estimate: 4, Low: -none, High: none, P: 1},
		},
		{
			"one against two",
			[]float64{1},
			[]float64{5, 7},
			0,
			stats.Shifted{N: 1, M: 2, First: 1, Second: 6, Estimate: 5, Low: -none, High: none, P: 1},
		},
		{
			"no errors on either side, whatever runs share",
			[]float64{0, 0, 0},
			[]float64{0, 0},
			0.2,
			stats.Shifted{N: 3, M: 2, P: 1},
		},
		{
			"no errors, then all",
			[]float64{0, 0},
			[]float64{1, 1},
			0,
			stats.Shifted{N: 2, M: 2, Second: 1, Estimate: 1, Low: 1, High: 1},
		},
		// All alike, but for what they share: 10 % of 100 and of 100 is 14.142 together, times the normal 1.95996.
		{
			"alike, and apart by 10 %",
			[]float64{100, 100},
			[]float64{100, 100},
			0.1,
			stats.Shifted{N: 2, M: 2, First: 100, Second: 100, Low: -27.7181, High: 27.7181, P: 1},
		},
	} {
		if diff := cmp.Diff(tt.want, shiftApart(tt.a, tt.b, tt.apart), cmpopts.EquateApprox(0, 1e-4)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.reason, diff)
		}
	}
}

// Values that are all the same on both sides have not changed, however many there are of each: means of
// 0.1 differ in their last bit by how many were added up.
func TestShiftOfEqualValuesIsNone(t *testing.T) {
	for _, v := range []float64{0.1, 0.01, 1.0 / 3, 1234.7} {
		for n := 2; n <= 10; n++ {
			for m := 2; m <= 10; m++ {
				a, b := slices.Repeat([]float64{v}, n), slices.Repeat([]float64{v}, m)
				if s := stats.Shift(a, b, 0); s.P < 0.05 || s.Low > 0 || s.High < 0 {
					t.Fatalf("%v, %d times and %d times: shifted by %v, P %v", v, n, m, s.Estimate, s.P)
				}
			}
		}
	}
}

// With the sides swapped the answer is the same with the other sign.
func TestShiftIsSymmetric(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	a, b := make([]float64, 5), make([]float64, 12)
	for i := range a {
		a[i] = 10 + random.NormFloat64()
	}
	for i := range b {
		b[i] = 11 + 3*random.NormFloat64()
	}
	for _, apart := range []float64{0, 0.2} {
		x, y := shiftApart(a, b, apart), shiftApart(b, a, apart)
		back := stats.Shifted{
			N: y.M, M: y.N, First: y.Second, Second: y.First, Estimate: -y.Estimate, Low: -y.High,
			High: -y.Low, P: y.P,
		}
		if diff := cmp.Diff(x, back, cmpopts.EquateApprox(0, 1e-12)); diff != "" {
			t.Errorf("apart %v: forth and back differ:\n%s", apart, diff)
		}
	}
}

// An interval and its p-value are of one test: 0 lies outside of the one where the other is below 5 %.
func TestShiftIntervalAgreesWithP(t *testing.T) {
	random := rand.New(rand.NewPCG(9, 10))
	both := [2]int{}
	for range 1000 {
		a, b := []float64{random.NormFloat64(), random.NormFloat64(), random.NormFloat64()},
			[]float64{2 + random.NormFloat64(), 2 + random.NormFloat64()}
		s := shiftApart(a, b, 0.1)
		if excludes := s.Low > 0 || s.High < 0; excludes != (s.P < 0.05) {
			t.Fatalf("%+v", s)
		} else if excludes {
			both[1]++
		} else {
			both[0]++
		}
	}
	if min(both[0], both[1]) < 50 {
		t.Errorf("%d without a shift, %d with one: too few of one to say anything", both[0], both[1])
	}
}

// The interval covers the truth as often as it says, where variances and sizes differ and where the values of a
// sample share an offset that they do not show.
func TestShiftCoverage(t *testing.T) {
	random := rand.New(rand.NewPCG(11, 12))
	sample := func(n int, mean, deviation, apart float64) []float64 {
		offset := apart * mean * random.NormFloat64()
		v := make([]float64, n)
		for i := range v {
			v[i] = mean + offset + deviation*random.NormFloat64()
		}
		return v
	}
	for _, tt := range []struct {
		reason     string
		n, m       int
		da, db     float64
		shared     float64 // what the samples share
		told       float64 // and what Shift is told of it
		least, top float64
	}{
		{reason: "equal variances", n: 10, m: 10, da: 3, db: 3, least: 0.935, top: 0.965},
		{reason: "a variance 25 times the other", n: 10, m: 10, da: 1, db: 5, least: 0.935, top: 0.965},
		{reason: "the smaller sample varies more", n: 5, m: 20, da: 6, db: 1.5, least: 0.935, top: 0.965},
		{reason: "five runs of either", n: 5, m: 5, da: 2, db: 4, least: 0.935, top: 0.965},
		{
			reason: "a shared offset, known", n: 10, m: 10, da: 3, db: 3, shared: 0.2, told: 0.2, least: 0.935,
			top: 0.965,
		},
		{
			reason: "a small shared offset, known", n: 10, m: 10, da: 4, db: 2, shared: 0.02, told: 0.02,
			least: 0.935, top: 0.965,
		},
		{
			reason: "a shared offset, not known: no better than it can be", n: 10, m: 10, da: 3, db: 3, shared: 0.2,
			top: 0.3,
		},
	} {
		covered := share(func() bool {
			s := shiftApart(sample(tt.n, 100, tt.da, tt.shared), sample(tt.m, 103, tt.db, tt.shared), tt.told)
			return s.Low <= 3 && 3 <= s.High
		})
		if covered < tt.least || covered > tt.top {
			t.Errorf("%s: the 95 %% interval covers the truth in %.1f %%", tt.reason, 100*covered)
		}
	}
}

// The p-value is as small as it says where there is no shift, and small where there is one.
func TestShiftP(t *testing.T) {
	random := rand.New(rand.NewPCG(13, 14))
	for _, tt := range []struct{ shift, low, high float64 }{{0, 0.035, 0.065}, {5, 0.99, 1}} {
		rejected := share(func() bool {
			a, b := make([]float64, 10), make([]float64, 10)
			for i := range a {
				a[i], b[i] = random.NormFloat64(), tt.shift+2*random.NormFloat64()
			}
			return stats.Shift(a, b, 0).P <= 0.05
		})
		if rejected < tt.low || rejected > tt.high {
			t.Errorf("a shift of %v is seen in %.1f %% of the tries", tt.shift, 100*rejected)
		}
	}
}

// shiftApart is of samples each of which shares something: apart is its standard deviation as a share of the mean.
func shiftApart(a, b []float64, apart float64) stats.Shifted {
	s := stats.Shift(a, b, 0)
	return stats.Shift(a, b, apart*apart*(s.First*s.First+s.Second*s.Second))
}
