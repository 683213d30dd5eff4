package stats_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"grpcbench/loadgen/stats"
)

// The published bounds at 95 %, two-sided: R's binom.test.
func TestShareBounds(t *testing.T) {
	for _, tt := range []struct{ k, n, low, high float64 }{
		{0, 10, 0, 0.3084971},
		{1, 10, 0.002528579, 0.4450161},
		{10, 10, 0.6915029, 1},
		{5, 100, 0.01643187, 0.1128349},
		{50, 1000, 0.03733539, 0.0653905},
		{0, 0, 0, 1},
	} {
		low, high := stats.ShareBounds(tt.k, tt.n, 0.025)
		if math.Abs(low-tt.low) > 2e-5 || math.Abs(high-tt.high) > 2e-5 {
			t.Errorf("%v of %v: %.7f to %.7f, want %.7f to %.7f", tt.k, tt.n, low, high, tt.low, tt.high)
		}
	}
}

// Either bound is wrong as seldom as it says, or more seldom.
func TestShareBoundsCover(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const rounds, n = 4000, 500
	for _, share := range []float64{0.002, 0.01, 0.3} {
		var below, above int
		for range rounds {
			k := 0
			for range n {
				if random.Float64() < share {
					k++
				}
			}
			low, high := stats.ShareBounds(float64(k), n, 0.01)
			if low > share {
				above++
			}
			if high < share {
				below++
			}
		}
		if limit := int(0.01*rounds + 4*math.Sqrt(0.01*rounds)); below > limit || above > limit {
			t.Errorf("share %v: of %d rounds %d bounds lie below, %d above it, want at most %d", share, rounds, below,
				above, limit)
		}
	}
}

// Values that come one by one do not cluster; values of which each brings nine more do, tenfold.
func TestClustering(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for _, size := range []int{1, 10} {
		var sum float64
		const rounds = 400
		for range rounds {
			var k, n []float64
			for range 10 {
				over := 0.0
				for range 5000 / size {
					if random.Float64() < 0.02 {
						over += float64(size)
					}
				}
				k, n = append(k, over), append(n, 5000)
			}
			sum += stats.Clustering(k, n, 0.16)
		}
		// it is a little wide on purpose
		if mean := sum / rounds; mean < 0.95*float64(size) || mean > 1.5*float64(size) {
			t.Errorf("clusters of %d are told as %v", size, mean)
		}
	}
	if got := stats.Clustering([]float64{5, 0, 9}, []float64{10, 10, 10}, 0.01); got != 1 {
		t.Errorf("three stretches say %v", got)
	}
	if got := stats.Clustering([]float64{0, 0, 0, 0}, []float64{10, 10, 10, 10}, 0.01); got != 1 {
		t.Errorf("nothing at all clusters by %v", got)
	}
}
