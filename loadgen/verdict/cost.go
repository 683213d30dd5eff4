package verdict

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// CostLimit is an objective for what an interceptor costs, such as overhead(logging)<5us.
type CostLimit struct {
	Text string
	// Name is the interceptor's, and Limit what it may add to a call, in nanoseconds.
	Name  string
	Limit float64
}

var costLimit = regexp.MustCompile(`^overhead\(([a-z-]+)\)<(.+)$`)

// ParseCostLimits reads limits, separated by commas: overhead(logging)<5us,overhead(otel)<20us.
func ParseCostLimits(s string) ([]CostLimit, error) {
	if s == "" {
		return nil, nil
	}
	var all []CostLimit
	for part := range strings.SplitSeq(s, ",") {
		m := costLimit.FindStringSubmatch(strings.TrimSpace(part))
		if m == nil {
			return nil, fmt.Errorf("objective %q: %w", part, errors.New("want one like overhead(logging)<5us"))
		}
		d, err := time.ParseDuration(m[2])
		if err != nil || d < 0 {
			return nil, fmt.Errorf("objective %q: %q is not a duration such as 5us", part, m[2])
		}
		all = append(all, CostLimit{Text: m[0], Name: m[1], Limit: float64(d)})
	}
	return all, nil
}

// MeasuredCost is one cost of the limit's interceptor: where, and between which nanoseconds it lies.
type MeasuredCost struct {
	Where            string
	Value, Low, High float64
}

// Check holds the limit against all that was measured of its interceptor. It is
// missed where a whole interval lies above it: what noise could explain fails nothing.
func (l CostLimit) Check(costs []MeasuredCost) Kept {
	k := Kept{Objective: l.Text, Met: len(costs) > 0}
	if !k.Met {
		k.Result = "missed: " + l.Name + " was not measured"
		return k
	}
	var words []string
	for _, c := range costs {
		text := fmt.Sprintf("%s %s (%s to %s)", c.Where, duration(c.Value), duration(c.Low), duration(c.High))
		if c.Low > l.Limit {
			k.Met = false
			text = fmt.Sprintf("%s, over by %s", text, duration(c.Value-l.Limit))
		}
		words = append(words, text)
	}
	k.Result = map[bool]string{true: "met: ", false: "missed: "}[k.Met] + strings.Join(words, "; ")
	return k
}
