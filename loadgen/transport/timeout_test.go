package transport_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"grpcbench/loadgen/transport"
)

// The vectors are DT-1 of MEASURING.md: at most 8 digits, the finest unit that holds it, rounded up.
func TestEncodeTimeout(t *testing.T) {
	for _, tt := range []struct {
		d    time.Duration
		want string
	}{
		{0, "0n"},
		{1, "1n"},
		{99_999_999, "99999999n"},
		{100 * time.Millisecond, "100000u"},
		{100*time.Millisecond + 1, "100001u"},
		{time.Second, "1000000u"},
		{time.Second + 1, "1000001u"},
		{99_999_999 * time.Microsecond, "99999999u"},
		{99_999_999*time.Microsecond + 1, "100000m"},
		{100 * time.Second, "100000m"},
		{100_000*time.Second - 1, "100000S"},
		{100_000 * time.Second, "100000S"},
		{99_999_999 * time.Second, "99999999S"},
		{100_000_000 * time.Second, "1666667M"},
		{math.MaxInt64 - time.Hour, "2562047H"},
		{math.MaxInt64, "2562048H"},
		{-time.Second, "0n"},
	} {
		if got, _ := transport.EncodeTimeout(tt.d); got != tt.want {
			t.Errorf("EncodeTimeout(%v) = %q, want %q", tt.d, got, tt.want)
		}
	}
}

// Never less than was asked for, never a unit more, never more than 8 digits.
func TestEncodeTimeoutRoundsUp(t *testing.T) {
	units := map[string]time.Duration{
		"n": time.Nanosecond, "u": time.Microsecond, "m": time.Millisecond,
		"S": time.Second, "M": time.Minute, "H": time.Hour,
	}
	for d := time.Duration(1); d > 0 && d < math.MaxInt64/4; d = d*3 + 1 {
		text, size := transport.EncodeTimeout(d)
		var n int64
		var unit string
		if _, err := fmt.Sscanf(text, "%d%s", &n, &unit); err != nil || len(text) > 9 || units[unit] != size {
			t.Fatalf("EncodeTimeout(%v) = %q: %v", d, text, err)
		}
		if told := time.Duration(n) * units[unit]; told < d || told-d >= units[unit] {
			t.Errorf("EncodeTimeout(%v) = %q, which is %v", d, text, told)
		}
	}
}
