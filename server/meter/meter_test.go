package meter

import (
	"math"
	"runtime/metrics"
	"testing"
	"time"
)

// burn uses the processor for d of this process's own time, as getrusage counts it.
func burn(t *testing.T, d time.Duration) {
	t.Helper()
	spent := func() time.Duration {
		all, err := Spent()
		if err != nil {
			t.Fatal(err)
		}
		return all.User + all.System
	}
	x := 1.0
	for end := spent() + d; spent() < end; {
		for range 10_000 {
			x = math.Sqrt(x + 1)
		}
	}
	if x < 0 {
		t.Fatal("x is used, so that the loop is not optimised away")
	}
}

var kept [][]byte

func TestMeterSeesWhatIsUsed(t *testing.T) {
	const spent, objects, size = 50 * time.Millisecond, 1000, 10_000
	m, err := New()
	if err != nil {
		t.Fatal(err)
	}
	burn(t, spent)
	for range objects {
		kept = append(kept, make([]byte, size))
	}
	kept = nil
	u, err := m.Usage()
	if err != nil {
		t.Fatal(err)
	}
	if u.CPUSeconds < spent.Seconds() || u.CPUSeconds > 60 {
		t.Errorf("%v burnt, but CPUSeconds is %v", spent, u.CPUSeconds)
	}
	if u.UserSeconds <= 0 || u.UserSeconds > u.CPUSeconds {
		t.Errorf("UserSeconds %v, want a part of the %v CPUSeconds", u.UserSeconds, u.CPUSeconds)
	}
	if u.AllocObjects < objects || u.AllocBytes < objects*size {
		t.Errorf("%d objects of %d bytes in all, want at least %d of %d", u.AllocObjects, u.AllocBytes, objects,
			objects*size)
	}
	if u.MaxRSSBytes < 1<<20 || u.MaxRSSBytes > 1<<40 {
		t.Errorf("MaxRSSBytes %d is no Go process's", u.MaxRSSBytes)
	}
	if u.GCPausesNs < 0 || u.GCPauseMaxNs < 0 || u.SchedLatencyP99Ns < 0 {
		t.Errorf("negative times: %+v", u)
	}

	later, err := m.Usage()
	if err != nil {
		t.Fatal(err)
	}
	if later.CPUSeconds < u.CPUSeconds || later.AllocBytes < u.AllocBytes {
		t.Errorf("the window shrank from %+v to %+v", u, later)
	}
}

func TestMeterBeginsAtNothing(t *testing.T) {
	burn(t, 50*time.Millisecond)
	m, err := New()
	if err != nil {
		t.Fatal(err)
	}
	u, err := m.Usage()
	if err != nil {
		t.Fatal(err)
	}
	if u.CPUSeconds > 0.04 || u.AllocBytes > 10<<20 {
		t.Errorf("a new window already holds %+v", u)
	}
}

func TestWindow(t *testing.T) {
	inf := math.Inf(1)
	for _, tt := range []struct {
		reason    string
		edges     []float64
		base, now []uint64
		quantiles map[float64]float64
		sum       float64
	}{
		{"nothing happened", []float64{0, 1, 2}, []uint64{5, 5}, []uint64{5, 5}, map[float64]float64{0.5: 0, 1: 0}, 0},
		{
			"one value: every quantile is its bucket's upper edge",
			[]float64{0, 1, 2},
			[]uint64{5, 5},
			[]uint64{5, 6},
			map[float64]float64{0: 2, 0.5: 2, 1: 2},
			1.5,
		},
		{
			"what came before the window does not count",
			[]float64{0, 1, 2},
			[]uint64{0, 1000},
			[]uint64{10, 1000},
			map[float64]float64{0.01: 1, 1: 1},
			5,
		},
		{
			"the rank is rounded up: of 100 values the 99th is p99, and the 100th is not",
			[]float64{0, 1, 2, 3},
			[]uint64{0, 0, 0},
			[]uint64{98, 1, 1},
			map[float64]float64{0.98: 1, 0.99: 2, 0.991: 3, 1: 3},
			49 + 1.5 + 2.5,
		},
		{
			"empty buckets between are passed over",
			[]float64{0, 1, 2, 3, 4},
			[]uint64{0, 0, 0, 0},
			[]uint64{1, 0, 0, 1},
			map[float64]float64{0.5: 1, 0.51: 4},
			0.5 + 3.5,
		},
		{
			"the outermost edges are infinite: their finite neighbours stand in",
			[]float64{-inf, 1, 2, inf},
			[]uint64{0, 0, 0},
			[]uint64{1, 0, 1},
			map[float64]float64{0.5: 1, 1: 2},
			1 + 2,
		},
	} {
		w := since(&metrics.Float64Histogram{Buckets: tt.edges, Counts: tt.now},
			&metrics.Float64Histogram{Buckets: tt.edges, Counts: tt.base})
		for q, want := range tt.quantiles {
			if got := w.quantile(q); got != want {
				t.Errorf("%s: quantile(%g) = %g, want %g", tt.reason, q, got, want)
			}
		}
		if got := w.sum(); math.Abs(got-tt.sum) > 1e-9 {
			t.Errorf("%s: sum() = %g, want %g", tt.reason, got, tt.sum)
		}
	}
}

func TestSeconds(t *testing.T) {
	for s, want := range map[float64]int64{0: 0, 1.5: 1_500_000_000, 0.000001: 1000} {
		if got := seconds(s); got != want {
			t.Errorf("seconds(%g) = %d, want %d", s, got, want)
		}
	}
}
