package stats_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"grpcbench/loadgen/stats"
)

// share is how often draw says yes, of many.
func share(draw func() bool) float64 {
	const many = 2000
	n := 0
	for range many {
		if draw() {
			n++
		}
	}
	return float64(n) / many
}

// Of arrivals that are random indeed, no more are called bunched than the test's level says.
func TestAndersonDarlingLevels(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	const rate = 250.0
	gaps := make([]float64, 200)
	var scores []float64
	share(func() bool {
		for i := range gaps {
			gaps[i] = random.ExpFloat64() / rate
		}
		scores = append(scores, stats.AndersonDarling(gaps, rate))
		return true
	})
	for _, tt := range []struct{ critical, low, high float64 }{{2.492, 0.036, 0.065}, {3.857, 0.004, 0.017}} {
		over := slices.DeleteFunc(slices.Clone(scores), func(a float64) bool { return a <= tt.critical })
		if got := float64(len(over)) / float64(len(scores)); got < tt.low || got > tt.high {
			t.Errorf("%.4f of the scores are over %v, want %v to %v", got, tt.critical, tt.low, tt.high)
		}
	}
}

func TestAndersonDarlingSeesWhatIsNotRandom(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	const n, rate = 1000, 1000.0
	of := func(gap func(i int) float64) []float64 {
		gaps := make([]float64, n)
		for i := range gaps {
			gaps[i] = gap(i)
		}
		return gaps
	}
	for _, tt := range []struct {
		reason string
		gaps   []float64
	}{
		{"even arrivals", of(func(int) float64 { return 1 / rate })},
		{"bunches of four, at random", of(func(i int) float64 {
			if i%4 > 0 {
				return 0
			}
			return 4 * random.ExpFloat64() / rate
		})},
		{"half the rate", of(func(int) float64 { return 2 * random.ExpFloat64() / rate })},
		{"twice the rate", of(func(int) float64 { return random.ExpFloat64() / rate / 2 })},
	} {
		before := slices.Clone(tt.gaps)
		if a := stats.AndersonDarling(tt.gaps, rate); a < 50 || math.IsNaN(a) || math.IsInf(a, 0) {
			t.Errorf("%s: %v, want a high score", tt.reason, a)
		}
		if !slices.Equal(before, tt.gaps) {
			t.Errorf("%s: the gaps were changed", tt.reason)
		}
	}
	for _, few := range [][]float64{nil, {1}} {
		if a := stats.AndersonDarling(few, rate); a != 0 {
			t.Errorf("%d gaps score %v, want 0", len(few), a)
		}
	}
}

// twoSided is the p-value of a sum of signs s with that variance, by the normal approximation.
func twoSided(s, variance float64) float64 {
	return math.Erfc((s - 1) / math.Sqrt(variance) / math.Sqrt2)
}

func TestMannKendall(t *testing.T) {
	for _, tt := range []struct {
		reason string
		v      []float64
		want   float64
	}{
		{"ten that rise: all of 45 pairs", []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, twoSided(45, 125)},
		{"ten that fall", []float64{10, 9, 8, 7, 6, 5, 4, 3, 2, 1}, twoSided(45, 125)},
		{"five: eight pairs rise, two fall", []float64{1, 3, 2, 5, 4}, twoSided(6, 5*4*15/18.0)},
		{
			"a tie neither rises nor falls, and takes from the variance",
			[]float64{1, 2, 2, 3, 4},
			twoSided(9, 5*4*15/18.0-1),
		},
		{"all alike", []float64{7, 7, 7, 7, 7}, 1},
		{"as many rise as fall", []float64{1, 2, 2, 1}, 1},
		{"too few", []float64{1, 2, 3}, 1},
		{"none", nil, 1},
	} {
		if got := stats.MannKendall(tt.v); math.Abs(got-tt.want) > 1e-6*tt.want {
			t.Errorf("%s: p = %v, want %v", tt.reason, got, tt.want)
		}
	}
}

// Values without a trend are seldom said to have one, and a slight trend in noise is seen.
func TestMannKendallLevels(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	v := make([]float64, 30)
	draw := func(slope float64) func() bool {
		return func() bool {
			for i := range v {
				v[i] = random.NormFloat64() + slope*float64(i)
			}
			return stats.MannKendall(v) < 0.05
		}
	}
	if got := share(draw(0)); got > 0.065 || got < 0.03 {
		t.Errorf("%.4f of the series without a trend have one at 5 %%", got)
	}
	if got := share(draw(0.1)); got < 0.95 {
		t.Errorf("a trend of 0.1 a step in noise of 1 was seen in %.4f of the series, want nearly all", got)
	}
}

func TestSpearman(t *testing.T) {
	random := rand.New(rand.NewPCG(9, 10))
	noise, walk := make([]float64, 2000), make([]float64, 2000)
	for i := range noise {
		noise[i] = math.Exp(3 * random.NormFloat64()) // ranks do not mind the tail
		if i > 0 {
			walk[i] = 0.9*walk[i-1] + random.NormFloat64()
		}
	}
	for _, tt := range []struct {
		reason    string
		v         []float64
		low, high float64
	}{
		{"a rising series", []float64{1, 2, 4, 8, 16, 32}, 1, 1},
		{"a series to and fro", []float64{1, 9, 2, 8, 3, 7}, -1, -0.8},
		{"all alike", []float64{5, 5, 5, 5}, 0, 0},
		{"two values", []float64{1, 2}, 0, 0},
		{"none", nil, 0, 0},
		{"independent values", noise, -0.07, 0.07},
		{"values that keep nine tenths of the last", walk, 0.85, 0.95},
	} {
		before := slices.Clone(tt.v)
		if got := stats.Spearman(tt.v); !(got >= tt.low-1e-12 && got <= tt.high+1e-12) {
			t.Errorf("%s: %v, want %v to %v", tt.reason, got, tt.low, tt.high)
		}
		if !slices.Equal(before, tt.v) {
			t.Errorf("%s: the values were changed", tt.reason)
		}
	}
}

func TestEffectiveN(t *testing.T) {
	for _, tt := range []struct {
		reason string
		n      int64
		rho    float64
		want   int64
	}{
		{"independent", 1000, 0, 1000},
		{"half alike", 900, 0.5, 300},
		{"nearly alike", 1900, 0.9, 100},
		{"a negative correlation is no gain", 1000, -0.5, 1000},
		{"quite alike are still worth one", 100, 1, 1},
		{"nothing is worth one", 0, 0, 1},
	} {
		if got := stats.EffectiveN(tt.n, tt.rho); got < tt.want-1 || got > tt.want {
			t.Errorf("%s: EffectiveN(%d, %v) = %d, want %d", tt.reason, tt.n, tt.rho, got, tt.want)
		}
	}
}
