package verdict

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// CapacityLimit is a limit on a capacity, such as capacity>40000.
type CapacityLimit struct {
	Text string
	rate float64
}

var capacityLimit = regexp.MustCompile(`^capacity>(\d+(?:\.\d+)?)$`)

// ParseCapacityLimits reads limits, separated by commas.
func ParseCapacityLimits(s string) (all []CapacityLimit, err error) {
	if s == "" {
		return nil, nil
	}
	for part := range strings.SplitSeq(s, ",") {
		part = strings.Join(strings.Fields(part), "")
		m := capacityLimit.FindStringSubmatch(part)
		if m == nil {
			return nil, fmt.Errorf("limit %q: %w", part, errors.New("want one like capacity>40000, in calls a second"))
		}
		rate, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			return nil, fmt.Errorf("limit %q: %w", part, err)
		}
		all = append(all, CapacityLimit{Text: part, rate: rate})
	}
	return all, nil
}

// Check holds the limit against the highest rate that passes; 0 is none.
func (l CapacityLimit) Check(passes float64) Kept {
	k := Kept{Objective: l.Text, Met: passes > l.rate, Result: fmt.Sprintf("met: %.0f/s passes", passes)}
	if !k.Met {
		k.Result = fmt.Sprintf("missed by %.0f/s: %.0f/s passes", l.rate-passes, passes)
	}
	return k
}
