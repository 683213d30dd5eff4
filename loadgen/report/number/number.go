// Package number writes figures for people: with units, and no more digits than they need.
package number

import (
	"math"
	"strconv"
)

// Duration writes nanoseconds with three significant digits and a unit.
func Duration[N int64 | float64](ns N) string {
	v := float64(ns)
	for _, u := range []struct {
		size float64
		name string
	}{{1e9, "s"}, {1e6, "ms"}, {1e3, "µs"}} {
		if math.Abs(v) >= 0.9995*u.size {
			return Significant(v/u.size) + " " + u.name
		}
	}
	return strconv.FormatFloat(math.Round(v), 'f', 0, 64) + " ns"
}

// Significant writes v with three digits, or all before the point.
func Significant(v float64) string {
	switch a := math.Abs(v); {
	case a >= 99.95:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case a >= 9.995:
		return strconv.FormatFloat(v, 'f', 1, 64)
	default:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
}

// Count writes n with separators.
func Count(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Rate writes a number per second.
func Rate(perSecond float64) string {
	if perSecond >= 999.5 {
		return Count(int64(math.Round(perSecond)))
	}
	return Significant(perSecond)
}

// Size writes bytes.
func Size(bytes float64) string {
	for _, u := range []struct {
		size float64
		name string
	}{{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if bytes >= 0.9995*u.size {
			return Significant(bytes/u.size) + " " + u.name
		}
	}
	return Significant(bytes) + " B"
}

// Percentile writes 99.9 as p99.9.
func Percentile(p float64) string { return "p" + strconv.FormatFloat(p, 'f', -1, 64) }
