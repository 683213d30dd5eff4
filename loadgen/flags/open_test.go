package flags_test

import (
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/schedule"
)

func planOf(t *testing.T, args string) plan.Plan {
	t.Helper()
	p, err := readRun(strings.Fields(args), io.Discard)
	if err != nil {
		t.Fatalf("%s: %v", args, err)
	}
	return p
}

// arrivals are the intended times of a plan's calls: of the measured part and of the warm-up.
func arrivals(t *testing.T, p plan.Plan, most int64) (measured, warmup []time.Duration) {
	t.Helper()
	m, w, err := p.Arrivals()
	if err != nil {
		t.Fatal(err)
	}
	return slices.Collect(schedule.All(schedule.Limit(m, most))), slices.Collect(schedule.All(schedule.Limit(w, most)))
}

func TestArrivals(t *testing.T) {
	const ms = time.Millisecond
	for _, tt := range []struct {
		reason, args     string
		measured, warmup []time.Duration
	}{
		{
			"evenly, and the warm-up alike", "-rate 4 -d 1s -warmup 500ms",
			[]time.Duration{0, 250 * ms, 500 * ms, 750 * ms},
			[]time.Duration{0, 250 * ms},
		},
		{"no warm-up", "-rate 2 -d 1s -warmup 0s", []time.Duration{0, 500 * ms}, nil},
		{"less than one a second", "-rate 0.5 -d 5s -warmup 0s", []time.Duration{0, 2000 * ms, 4000 * ms}, nil},
		{
			"stages, the warm-up as the first begins", "-stages 1s:2,1s:4 -warmup 1s",
			[]time.Duration{0, 500 * ms, 1000 * ms, 1250 * ms, 1500 * ms, 1750 * ms},
			[]time.Duration{0, 500 * ms},
		},
	} {
		measured, warmup := arrivals(t, planOf(t, "-rpc Search "+tt.args), 100)
		// stages are computed in floating point
		near := func(a, b time.Duration) bool { return (a - b).Abs() <= time.Nanosecond }
		if !slices.EqualFunc(measured, tt.measured, near) || !slices.EqualFunc(warmup, tt.warmup, near) {
			t.Errorf("%s: %v after %v, want %v after %v", tt.reason, measured, warmup, tt.measured, tt.warmup)
		}
	}
}

// The same seed is the same load, and another is another.
func TestArrivalsAreSeeded(t *testing.T) {
	one, _ := arrivals(t, planOf(t, "-rpc Search -rate 1000 -d 5s -arrival poisson"), 10_000)
	again, _ := arrivals(t, planOf(t, "-rpc Search -rate 1000 -d 5s -arrival poisson -seed 1"), 10_000)
	other, _ := arrivals(t, planOf(t, "-rpc Search -rate 1000 -d 5s -arrival poisson -seed 2"), 10_000)
	if !slices.Equal(one, again) {
		t.Error("the default seed and seed 1 differ")
	}
	if slices.Equal(one, other) {
		t.Error("seeds 1 and 2 are alike")
	}
	if n := len(one); n < 4700 || n > 5300 || !slices.IsSorted(one) {
		t.Errorf("%d arrivals at 1000 a second in 5 s, want about 5000 in order", n)
	}
	staged, _ := arrivals(t, planOf(t, "-rpc Search -stages 5s:1000 -arrival poisson"), 10_000)
	if !slices.Equal(one, staged) {
		t.Error("a rate and a stage of that rate differ")
	}
}

// With a total alone the schedule has no end of its own.
func TestArrivalsUntilTheTotal(t *testing.T) {
	for _, arrival := range []string{"uniform", "poisson"} {
		measured, _ := arrivals(t, planOf(t, "-rpc Search -rate 1000 -n 50000 -arrival "+arrival), 50_000)
		if len(measured) != 50_000 || measured[49_999] < 48*time.Second || measured[49_999] > 52*time.Second {
			t.Errorf("%s: %d arrivals, the last at %v, want 50000 within about 50 s", arrival, len(measured),
				measured[len(measured)-1])
		}
	}
}

func TestClosedLoopHasNoArrivals(t *testing.T) {
	p := planOf(t, "-rpc Search")
	if measured, warmup, err := p.Arrivals(); measured != nil || warmup != nil || err != nil || p.Open() {
		t.Errorf("%v, %v, %v, open: %v, want none", measured, warmup, err, p.Open())
	}
	for _, args := range []string{"-rpc Search -rate 1", "-rpc Search -stages 1s:1"} {
		if !planOf(t, args).Open() {
			t.Errorf("%s is a closed loop", args)
		}
	}
}

func TestExpected(t *testing.T) {
	for _, tt := range []struct {
		args string
		want int64
	}{
		{"-rate 100 -d 5s", 500},
		{"-rate 100 -d 5s -n 40", 40},
		{"-rate 100 -d 5s -n 4000", 500},
		{"-rate 100 -n 4000", 4000},
		{"-rate 0.5 -d 5s", 2},
		{"-stages 5s:100", 0},
		{"-d 5s", 0},
		{"-n 5", 0},
	} {
		if got := planOf(t, "-rpc Search "+tt.args).Expected(); got != tt.want {
			t.Errorf("%s: %d calls expected, want %d", tt.args, got, tt.want)
		}
	}
}

// A rate of messages is that of all workers' streams together.
func TestPace(t *testing.T) {
	for _, tt := range []struct {
		args string
		want time.Duration
	}{
		{"-c 1 -message-rate 1000", time.Millisecond},
		{"-c 50 -message-rate 1000", 50 * time.Millisecond},
		{"-c 3 -message-rate 1000000000", 3 * time.Nanosecond},
		{"-c 50", 0},
	} {
		if got := planOf(t, "-rpc SearchIO -messages 10 "+tt.args).Pace(); got != tt.want {
			t.Errorf("%s: a message each %v, want %v", tt.args, got, tt.want)
		}
	}
}
