package plot

import (
	"math"
	"slices"
	"testing"

	"gonum.org/v1/plot"
)

// ticksOf are an axis's, of which any axis has some, in order, within it, and told apart.
func ticksOf(t *testing.T, reason string, axis *plot.Axis) []plot.Tick {
	t.Helper()
	if !(axis.Min < axis.Max) || math.IsInf(axis.Max-axis.Min, 0) {
		t.Errorf("%s: an axis from %v to %v", reason, axis.Min, axis.Max)
	}
	ticks := axis.Tick.Marker.Ticks(axis.Min, axis.Max)
	slack := (axis.Max - axis.Min) * 1e-6
	for i, tick := range ticks {
		if tick.Value < axis.Min-slack || tick.Value > axis.Max+slack || math.IsNaN(tick.Value) || tick.Label == "" {
			t.Errorf("%s: %+v is not on the axis from %v to %v", reason, tick, axis.Min, axis.Max)
		}
		if i > 0 && (tick.Value <= ticks[i-1].Value || tick.Label == ticks[i-1].Label) {
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
		axis := plot.Axis{}
		latencyAxis(&axis, logNs(tt.low), logNs(tt.high))
		if axis.Min > logNs(tt.low) || axis.Max < logNs(tt.high) {
			t.Errorf("%s: from %v to %v is not within %v to %v", tt.reason, logNs(tt.low), logNs(tt.high), axis.Min,
				axis.Max)
		}
		for _, tick := range ticksOf(t, tt.reason, &axis) {
			if want := Time(math.Pow(10, tick.Value)); tick.Label != want {
				t.Errorf("%s: at %s stands %s", tt.reason, want, tick.Label)
			}
		}
	}
}

// Labels that are too close lie upon each other: of a figure's 190 points of height each needs some ten.
func TestLatencyAxisHasRoom(t *testing.T) {
	for low := 0.0; low < 2; low += 0.1 {
		for length := 0.0; length < 12; length += 0.1 {
			axis := plot.Axis{}
			latencyAxis(&axis, low, low+length)
			ticks := ticksOf(t, "any", &axis)
			for i := range ticks[1:] {
				if room := 190 * (ticks[i+1].Value - ticks[i].Value) / (axis.Max - axis.Min); room < 10 {
					t.Fatalf("from %s to %s: %s and %s are %.1f points apart", Time(math.Pow(10, axis.Min)),
						Time(math.Pow(10, axis.Max)), ticks[i].Label, ticks[i+1].Label, room)
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
		axis := plot.Axis{}
		percentileAxis(&axis, last)
		var got []string
		for _, tick := range ticksOf(t, "percentiles", &axis) {
			got = append(got, tick.Label)
		}
		if !slices.Equal(got, want) {
			t.Errorf("to %v: %q, want %q", last, got, want)
		}
	}
}

// The library makes room for a label unless it is beyond the axis's end, be it by a rounding error.
func TestLabelsHaveRoomToTheRight(t *testing.T) {
	for i, share := range told {
		axis := plot.Axis{}
		percentileAxis(&axis, beyond(share))
		if tick := slices.MaxFunc(ticksOf(t, "percentiles", &axis),
			func(a, b plot.Tick) int { return int(math.Copysign(1, a.Value-b.Value)) }); tick.Value > axis.Max {
			t.Errorf("to the %d. of the percentiles: %s is at %v of %v", i, tick.Label, tick.Value, axis.Max)
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
		axis := plot.Axis{}
		evenAxis(&axis, tt.low, tt.high, Number)
		ticks := ticksOf(t, tt.reason, &axis)
		if len(ticks) > 6 {
			t.Errorf("%s: %d labels are too many", tt.reason, len(ticks))
		}
		if tt.low <= 0 && tt.high > 0 &&
			!slices.ContainsFunc(ticks, func(tick plot.Tick) bool { return tick.Value == 0 }) {
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
