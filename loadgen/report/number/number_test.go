package number

import (
	"math"
	"testing"
)

func TestDuration(t *testing.T) {
	for _, tt := range []struct {
		reason string
		ns     float64
		want   string
	}{
		{"nothing", 0, "0 ns"},
		{"the least", 1, "1 ns"},
		{"a mean is rounded", 0.5, "1 ns"},
		{"a mean just below a microsecond", 999.4, "999 ns"},
		{"rounded up it has the next unit", 999.5, "1.00 µs"},
		{"a whole unit", 1000, "1.00 µs"},
		{"three digits", 1234, "1.23 µs"},
		{"rounded up it keeps three digits", 9996, "10.0 µs"},
		{"one place", 99_949, "99.9 µs"},
		{"no place", 99_951, "100 µs"},
		{"just below a millisecond", 999_499, "999 µs"},
		{"999.5 is the next unit", 999_500, "1.00 ms"},
		{"so is 999.95", 999_950, "1.00 ms"},
		{"a millisecond", 1e6, "1.00 ms"},
		{"tens of milliseconds", 12_345_678, "12.3 ms"},
		{"just below a second", 999_499_999, "999 ms"},
		{"rounded up to a second", 999_500_000, "1.00 s"},
		{"an hour stays in seconds", 3.6e12, "3600 s"},
		{"a clock that ran back", -1, "-1 ns"},
		{"negative, with a unit", -1500, "-1.50 µs"},
		{"negative, rounded to the next unit", -999_950, "-1.00 ms"},
	} {
		if got := Duration(tt.ns); got != tt.want {
			t.Errorf("%s: Duration(%v) = %q, want %q", tt.reason, tt.ns, got, tt.want)
		}
		if n := int64(tt.ns); float64(n) == tt.ns && Duration(n) != tt.want {
			t.Errorf("%s: Duration(%d) = %q, want %q", tt.reason, n, Duration(n), tt.want)
		}
	}
}

func TestCount(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0", 7: "7", 999: "999", 1000: "1,000", 12_345: "12,345", 999_999: "999,999", 1_000_000: "1,000,000",
		-1: "-1", -999: "-999", -1000: "-1,000", -123_456: "-123,456", -1_234_567: "-1,234,567",
		math.MaxInt64: "9,223,372,036,854,775,807", math.MinInt64: "-9,223,372,036,854,775,808",
	} {
		if got := Count(n); got != want {
			t.Errorf("Count(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestRate(t *testing.T) {
	for _, tt := range []struct {
		perSecond float64
		want      string
	}{
		{0, "0.00"},
		{0.004, "0.00"},
		{0.5, "0.50"},
		{9.994, "9.99"},
		{9.996, "10.0"},
		{12.34, "12.3"},
		{99.96, "100"},
		{123.4, "123"},
		{999.4, "999"},
		{999.6, "1,000"},
		{1000, "1,000"},
		{1000.5, "1,001"},
		{12_345.6, "12,346"},
		{1_234_567, "1,234,567"},
	} {
		if got := Rate(tt.perSecond); got != tt.want {
			t.Errorf("Rate(%v) = %q, want %q", tt.perSecond, got, tt.want)
		}
	}
}

func TestSize(t *testing.T) {
	for _, tt := range []struct {
		bytes float64
		want  string
	}{
		{0, "0.00 B"},
		{0.5, "0.50 B"},
		{7, "7.00 B"},
		{512, "512 B"},
		{1023, "1023 B"},
		{1023.6, "1.00 KiB"},
		{1024, "1.00 KiB"},
		{1536, "1.50 KiB"},
		{10_240, "10.0 KiB"},
		{102_400, "100 KiB"},
		{1<<20 - 1, "1.00 MiB"},
		{1 << 20, "1.00 MiB"},
		{48_234_496, "46.0 MiB"},
		{1<<30 - 1, "1.00 GiB"},
		{1 << 30, "1.00 GiB"},
		{1 << 40, "1024 GiB"},
	} {
		if got := Size(tt.bytes); got != tt.want {
			t.Errorf("Size(%v) = %q, want %q", tt.bytes, got, tt.want)
		}
	}
}

func TestPercentileName(t *testing.T) {
	for p, want := range map[float64]string{50: "p50", 99: "p99", 99.9: "p99.9", 99.99: "p99.99", 99.9999: "p99.9999"} {
		if got := Percentile(p); got != want {
			t.Errorf("Percentile(%v) = %q, want %q", p, got, want)
		}
	}
}
