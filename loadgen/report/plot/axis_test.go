package plot

import (
	"math"
	"slices"
	"testing"
)

// ticksOf are an axis's, of which any axis has some, in order, within it, and told apart.
func ticksOf(t *testing.T, reason string, a *axis) []tick {
	t.Helper()
	if !(a.low < a.high) || math.IsInf(a.high-a.low, 0) {
		t.Errorf("%s: an axis from %v to %v", reason, a.low, a.high)
	}
	ticks := a.ticks
	slack := (a.high - a.low) * 1e-6
	for i, tick := range ticks {
		if tick.at < a.low-slack || tick.at > a.high+slack || math.IsNaN(tick.at) || tick.label == "" {
			t.Errorf("%s: %+v is not on the axis from %v to %v", reason, tick, a.low, a.high)
		}
		if i > 0 && (tick.at <= ticks[i-1].at || tick.label == ticks[i-1].label) {
			t.Errorf("%s: %+v after %+v", reason, tick, ticks[i-1])
		}
	}
	if len(ticks) < 2 || len(ticks) > 20 {
		t.Errorf("%s: %d labels", reason, len(ticks))
	}
	return ticks
}

func TestLatencyAxis(t *testing.T) {
	for _, tt := range []struct {
		reason    string
		low, high float64
	}{
		{"equal", 1000, 1000},
		{"equal, between round values", 1234, 1234},
		{"zeros", 0, 0},
		{"a nanosecond", 1, 1},
		{"tiny", 1_000_000, 1_000_001},
		{"a little", 1000, 1300},
		{"less than a decade", 1000, 8000},
		{"over a decade's end", 4100, 12_000},
		{"several", 50_000, 20_000_000},
		{"all", 1, hour},
		{"an hour", hour, hour},
	} {
		a := axis{}
		latencyAxis(&a, logNs(tt.low), logNs(tt.high))
		if a.low > logNs(tt.low) || a.high < logNs(tt.high) {
			t.Errorf("%s: from %v to %v is not within %v to %v", tt.reason, logNs(tt.low), logNs(tt.high), a.low,
				a.high)
		}
		for _, tick := range ticksOf(t, tt.reason, &a) {
			if want := Time(math.Pow(10, tick.at)); tick.label != want {
				t.Errorf("%s: at %s stands %s", tt.reason, want, tick.label)
			}
		}
	}
}

// Labels that are too close lie upon each other: of a figure's 190 points of height each needs some ten.
func TestLatencyAxisHasRoom(t *testing.T) {
	for low := 0.0; low < 2; low += 0.1 {
		for length := 0.0; length < 12; length += 0.1 {
			a := axis{}
			latencyAxis(&a, low, low+length)
			ticks := ticksOf(t, "any", &a)
			for i := range ticks[1:] {
				if room := 190 * (ticks[i+1].at - ticks[i].at) / (a.high - a.low); room < 10 {
					t.Fatalf("from %s to %s: %s and %s are %.1f points apart", Time(math.Pow(10, a.low)),
						Time(math.Pow(10, a.high)), ticks[i].label, ticks[i+1].label, room)
				}
			}
		}
	}
}

func TestPercentileAxis(t *testing.T) {
	for last, want := range map[float64][]string{
		0:                {"50 %", "90 %"},
		beyond(0.5):      {"50 %", "90 %"},
		beyond(0.99):     {"50 %", "90 %", "99 %"},
		beyond(0.9995):   {"50 %", "90 %", "99 %", "99.9 %"},
		beyond(0.999999): {"50 %", "90 %", "99 %", "99.9 %", "99.99 %", "99.999 %", "99.9999 %"},
	} {
		a := axis{}
		percentileAxis(&a, last)
		var got []string
		for _, tick := range ticksOf(t, "percentiles", &a) {
			got = append(got, tick.label)
		}
		if !slices.Equal(got, want) {
			t.Errorf("to %v: %q, want %q", last, got, want)
		}
	}
}

// No label is beyond the axis's end, be it by a rounding error.
func TestLabelsHaveRoomToTheRight(t *testing.T) {
	for i, share := range told {
		a := axis{}
		percentileAxis(&a, beyond(share))
		if tick := slices.MaxFunc(ticksOf(t, "percentiles", &a),
			func(a, b tick) int { return int(math.Copysign(1, a.at-b.at)) }); tick.at > a.high {
			t.Errorf("to the %d. of the percentiles: %s is at %v of %v", i, tick.label, tick.at, a.high)
		}
	}
}

func TestEvenAxis(t *testing.T) {
	for _, tt := range []struct {
		reason    string
		low, high float64
	}{
		{"nothing", 0, 0},
		{"turned round", 5, 3},
		{"a millisecond", 0, 0.001},
		{"one", 0, 1},
		{"seconds", 0, 2.501},
		{"an hour", 0, 3600},
		{"calls", 0, 123_456.7},
		{"around zero", -2.7, 8.3},
		{"below zero", -0.002, 0},
		{"huge", 0, 1e15},
		{"a float's rest", 0, 0.30000000000000004},
	} {
		a := axis{}
		evenAxis(&a, tt.low, tt.high, Number)
		ticks := ticksOf(t, tt.reason, &a)
		if len(ticks) > 6 {
			t.Errorf("%s: %d labels are too many", tt.reason, len(ticks))
		}
		if tt.low <= 0 && tt.high > 0 &&
			!slices.ContainsFunc(ticks, func(tick tick) bool { return tick.at == 0 }) {
			t.Errorf("%s: zero has no label", tt.reason)
		}
	}
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 0.5: "0.5", 9999: "9999", 10_000: "10k", 12_345: "12.35k",
		-12_000: "-12k", 1e6: "1M", 2.5e7: "25M",
	} {
		if got := Number(v); got != want {
			t.Errorf("Number(%v) = %q, want %q", v, got, want)
		}
	}
}
