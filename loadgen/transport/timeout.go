package transport

import (
	"strconv"
	"time"
)

// EncodeTimeout writes d as the header grpc-timeout: at most 8 digits of the
// finest unit that holds it, rounded up (gRPC over HTTP/2, "Timeout"), and
// returns that unit too.
func EncodeTimeout(d time.Duration) (text string, unit time.Duration) {
	for _, u := range []struct {
		unit time.Duration
		name string
	}{
		{time.Nanosecond, "n"},
		{time.Microsecond, "u"},
		{time.Millisecond, "m"},
		{time.Second, "S"},
		{time.Minute, "M"},
	} {
		if n := ceil(d, u.unit); n < 1e8 {
			return strconv.FormatInt(max(n, 0), 10) + u.name, u.unit
		}
	}
	return strconv.FormatInt(ceil(d, time.Hour), 10) + "H", time.Hour
}

// ceil is d in units, rounded up.
func ceil(d, unit time.Duration) int64 {
	n := int64(d / unit)
	if d%unit > 0 {
		n++
	}
	return n
}
