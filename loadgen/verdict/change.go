package verdict

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"grpcbench/loadgen/series"
)

// ChangeLimit is one change that a comparison fails on, such as p99>+5%.
type ChangeLimit struct {
	Text, Metric string
	more         bool
	limit        float64
	relative     bool // to what was before; else nanoseconds or a share of 1
}

// Change is how a metric changed: from Before, by Value, between Low and High at 95 %. Nanoseconds, or a share of 1.
// It is Unknown where calls that were never answered can have made it another.
type Change struct {
	Before, Value, Low, High float64
	Unknown                  bool
}

// ComparedPercentiles are those of latencies that a comparison looks at, PartPercentiles those of each of several
// steps.
var (
	ComparedPercentiles = []float64{50, 90, 95, 99, 99.9}
	PartPercentiles     = []float64{50, 90, 99}
)

var changeLimit = regexp.MustCompile(
	`^(?:p(\d+(?:\.\d+)?)(?:\(([^()<>]+)\))?|((?:mean|errors)(?:\([^()<>]+\))?|rate|capacity|client_cpu|client_switches|client_io|client_allocs|server_cpu))([<>])([+-][^%]+)(%?)$`)

// ParseChangeLimits reads limits, separated by commas: p99>+5%, p50>+2ms,
// rate<-5%, errors>+0.1% (of all calls), client_cpu>+10%.
func ParseChangeLimits(s string) ([]ChangeLimit, error) {
	if s == "" {
		return nil, nil
	}
	var all []ChangeLimit
	for part := range strings.SplitSeq(s, ",") {
		l, err := parseChangeLimit(strings.TrimSpace(part))
		if err != nil {
			return nil, fmt.Errorf("limit %q: %w", part, err)
		}
		all = append(all, l)
	}
	return all, nil
}

func parseChangeLimit(s string) (l ChangeLimit, err error) {
	m := changeLimit.FindStringSubmatch(s)
	if m == nil {
		return l, errors.New("want one like p99>+5%, p99(service)>+2ms, rate<-5% or errors>+0.1%")
	}
	limit, percent := m[5], m[6] == "%"
	of, name, _ := strings.Cut(strings.TrimSuffix(m[3], ")"), "(")
	if isSeries(name) {
		return l, fmt.Errorf("%s is of all calls or of a step or flow, not of the series %s", of, name)
	}
	l = ChangeLimit{Text: s, Metric: m[3], more: m[4] == ">", relative: percent && !isErrors(m[3])}
	if l.Metric == "" {
		if l.Metric, err = comparedPercentile(m[1], m[2]); err != nil {
			return l, err
		}
	}
	if l.more != (limit[0] == '+') {
		return l, errors.New("a rise is above a limit with +, a fall below one with -")
	}
	if percent {
		v, err := strconv.ParseFloat(limit, 64)
		if err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
			return l, fmt.Errorf("%q is not a percentage such as +5%%", limit+"%")
		}
		l.limit = v / 100
		return l, nil
	}
	if l.Metric == "rate" || l.Metric == "capacity" || isErrors(l.Metric) || strings.HasPrefix(l.Metric, "client_") &&
		l.Metric != "client_cpu" {
		return l, fmt.Errorf("%s changes by a percentage", l.Metric)
	}
	d, err := time.ParseDuration(limit)
	if err != nil {
		return l, fmt.Errorf("%q is neither a duration such as +2ms nor a percentage such as +5%%", limit)
	}
	l.limit = float64(d)
	return l, nil
}

// isErrors says whether a metric is a share of the calls: of all, or of a step's.
func isErrors(metric string) bool { return metric == "errors" || strings.HasPrefix(metric, "errors(") }

// comparedPercentile names a latency's metric, where it is one that is compared.
func comparedPercentile(percentile, name string) (string, error) {
	p, err := strconv.ParseFloat(percentile, 64)
	if err != nil || !slices.Contains(ComparedPercentiles, p) {
		return "", fmt.Errorf("p%s is not compared: the percentiles are %v", percentile, ComparedPercentiles)
	}
	switch {
	case name == "", name == series.Response.String():
		return fmt.Sprintf("p%v", p), nil
	case isSeries(name) && !slices.Contains(series.ComparedNames(), name):
		return "", fmt.Errorf("the series %s is not compared: those are %s", name,
			strings.Join(series.ComparedNames(), ", "))
	case !isSeries(name) && !slices.Contains(PartPercentiles, p): // a step's or a flow's
		return "", fmt.Errorf("p%s of %s is not compared: the percentiles of steps and flows are %v", percentile, name,
			PartPercentiles)
	default:
		return fmt.Sprintf("p%v(%s)", p, name), nil
	}
}

// CheckChangeNames says which limit is of neither a series nor one of the steps and flows.
func CheckChangeNames(all []ChangeLimit, parts []string) error {
	for _, l := range all {
		_, name, of := strings.Cut(strings.TrimSuffix(l.Metric, ")"), "(")
		if !of || isSeries(name) || slices.Contains(parts, name) {
			continue
		}
		return fmt.Errorf("-fail-on %q: %w", l.Text, noSuchName(name, series.ComparedNames(), parts))
	}
	return nil
}

// noSuchName says that a name is none of the series, and none of the steps and flows where there are several.
func noSuchName(name string, series, parts []string) error {
	err := fmt.Errorf("no series %q: the series are %s", name, strings.Join(series, ", "))
	if len(parts) > 0 {
		err = fmt.Errorf("%w; the steps and flows are %s", err, strings.Join(parts, ", "))
	}
	return err
}

// Check fails where the change is beyond the limit and its interval leaves no
// doubt that there is one. A metric that was not compared fails: nothing shows
// that it is as before.
func (l ChangeLimit) Check(c Change, compared bool) Kept {
	k := Kept{Objective: l.Text, Met: true}
	if !compared {
		k.Met, k.Result = false, "missed: it was not compared"
		return k
	}
	if c.Unknown {
		k.Met, k.Result = false, "not known: calls were never answered"
		return k
	}
	scale, write := 1.0, percent
	switch {
	case l.relative && c.Before == 0:
		if k.Met, k.Result = !l.more || c.Value <= 0, "met: it was nothing before"; !k.Met {
			k.Result = "missed: it was nothing before"
		}
		return k
	case l.relative:
		scale = 1 / c.Before
	case !isErrors(l.Metric):
		write = duration
	}
	signed := func(v float64) string {
		if v >= 0 {
			return "+" + write(v)
		}
		return "-" + write(-v)
	}
	v, low, high := c.Value*scale, c.Low*scale, c.High*scale
	beyond, sure := v > l.limit, low > 0
	if !l.more {
		beyond, sure = v < l.limit, high < 0
	}
	what := fmt.Sprintf("%s (%s to %s)", signed(v), signed(low), signed(high))
	switch {
	case beyond && sure:
		k.Met, k.Result = false, "missed: "+what
	case beyond:
		k.Result = "met: " + what + " may be noise"
	default:
		k.Result = "met: " + what
	}
	return k
}
