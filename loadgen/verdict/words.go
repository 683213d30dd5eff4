package verdict

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// percentileNames lists percentiles, from the first on.
func percentileNames(all []float64) string {
	names := make([]string, len(all))
	for i, p := range all {
		names[i] = "p" + strconv.FormatFloat(p, 'f', -1, 64)
	}
	return strings.Join(names, ", ")
}

func countCalls(n int64) string {
	if n == 1 {
		return "1 call"
	}
	return fmt.Sprintf("%d calls", n)
}

func wasWere(n int64) string {
	if n == 1 {
		return "was"
	}
	return "were"
}

// roughly is a time for reading, to three digits.
func roughly(d time.Duration) time.Duration {
	for unit := time.Second; unit > 1; unit /= 10 {
		if d >= 100*unit {
			return d.Round(unit)
		}
	}
	return d
}

func round(d time.Duration) time.Duration {
	switch {
	case d > 10*time.Millisecond:
		return d.Round(time.Millisecond)
	case d > 10*time.Microsecond:
		return d.Round(time.Microsecond)
	default:
		return d
	}
}
