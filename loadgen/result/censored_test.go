package result_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"grpcbench/loadgen/recorder"
	"grpcbench/loadgen/result"
)

// censored records values, of which some are lower bounds only.
func censored(t *testing.T, known, bounds []int64) *recorder.Latencies {
	t.Helper()
	r := recorder.New(recorder.Config{OpenLoop: true})
	s := r.NewLane()
	for _, ns := range known {
		s.Call(&recorder.Sample{Done: ns})
	}
	for _, ns := range bounds {
		s.Call(&recorder.Sample{Done: ns, Unfinished: true, Code: codes.Canceled})
	}
	s.Swap(0, 0)
	r.Add(s)
	if err := r.Flush(0, 1); err != nil {
		t.Fatal(err)
	}
	return r.Total().Headline()
}

// atRankOf is the p-th percentile by nearest rank.
func atRankOf(values []int64, p float64) int64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[max(0, int(math.Ceil(p*float64(len(sorted))/100-1e-6))-1)]
}

// Whatever calls without an answer would have taken, what is told of a percentile is true of it: it is at least the
// lower bound or, where it is told as a value, within its interval.
func TestPercentilesAreTrueWhateverTheUnansweredTook(t *testing.T) {
	draw := rand.New(rand.NewPCG(7, 7))
	within := func(a, b int64) bool { return float64(a) <= 1.002*float64(b)+2 } // to the histogram's precision
	for range 40 {
		known := make([]int64, 1+draw.IntN(2000))
		for i := range known {
			known[i] = int64(1e6 * draw.ExpFloat64())
		}
		bounds := make([]int64, draw.IntN(1+len(known)/(1+draw.IntN(50))))
		for i := range bounds {
			bounds[i] = int64(float64(1+draw.IntN(5)) * 1e6 * draw.ExpFloat64())
		}
		l := result.NewLatency(censored(t, known, bounds))
		if l.Count != int64(len(known)+len(bounds)) || l.Censored != int64(len(bounds)) {
			t.Fatalf("%d values, %d of them bounds; want %d and %d", l.Count, l.Censored, len(known)+len(bounds),
				len(bounds))
		}
		for _, scale := range []float64{1, 1.5, 10, 1e6} { // what they would have taken, over what they took
			all := slices.Clone(known)
			for _, ns := range bounds {
				all = append(all, int64(scale*float64(ns)))
			}
			for _, x := range l.Percentiles {
				truth := atRankOf(all, x.P)
				if !within(x.Ns, truth) {
					t.Fatalf("p%v is told as %d, and is %d", x.P, x.Ns, truth)
				}
				if !x.AtLeast && !x.HighAtLeast && !within(truth, x.HighNs) {
					t.Fatalf("p%v is told as %d (%d to %d), and is %d where %d of %d calls took %v times as long",
						x.P, x.Ns, x.LowNs, x.HighNs, truth, len(bounds), len(all), scale)
				}
			}
		}
	}
}

// A percentile that calls without an answer can reach is a lower bound, also where too few calls are beyond it for a
// value.
func TestPercentilesThatTheUnansweredReach(t *testing.T) {
	const ms = int64(time.Millisecond)
	for _, tt := range []struct {
		reason  string
		known   []int64
		bounds  []int64
		atLeast []float64
		told    int // percentiles in all
	}{
		{"all answered", slices.Repeat([]int64{ms}, 800), nil, nil, 4},
		{
			"three quarters never answered", slices.Repeat([]int64{ms}, 200), slices.Repeat([]int64{4000 * ms}, 600),
			[]float64{50, 75, 90, 95, 99},
			5,
		},
		{"one of a thousand", slices.Repeat([]int64{ms}, 999), []int64{4000 * ms}, nil, 5},
		{"none answered", nil, slices.Repeat([]int64{4000 * ms}, 100), []float64{50, 75, 90, 95, 99}, 5},
	} {
		l := result.NewLatency(censored(t, tt.known, tt.bounds))
		var atLeast []float64
		for _, x := range l.Percentiles {
			if x.AtLeast {
				atLeast = append(atLeast, x.P)
			}
		}
		if !slices.Equal(atLeast, tt.atLeast) || len(l.Percentiles) != tt.told {
			t.Errorf("%s: %v are lower bounds of %d percentiles, want %v of %d", tt.reason, atLeast,
				len(l.Percentiles), tt.atLeast, tt.told)
		}
	}
}
