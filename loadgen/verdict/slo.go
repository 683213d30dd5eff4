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

// Objective is one limit that a run is to keep, such as p99<10ms.
type Objective struct {
	Text string
	// of is p, max, mean, errors or achieved; p and series go with a latency.
	of     string
	p      float64
	series string
	step   string // whose it is, of several; else empty
	less   bool
	limit  float64 // nanoseconds, or a share of 1
}

// Measured is what objectives are held against. Shares are of 1.
type Measured struct {
	// Latency looks up a series' percentile, or its "max" or "mean", of a step or flow, or of all where step is empty;
	// it is false where the count does not support it.
	Latency  func(step, series, of string, p float64) (Known, bool)
	Errors   func(step string) float64
	Achieved float64
}

// Known is what is known of a latency, in nanoseconds: it is Least or more and, where Bounded, Most or less.
type Known struct {
	Least, Most float64
	Bounded     bool
}

// Kept is an objective with what came of it.
type Kept struct {
	Objective string `json:"objective"`
	Met       bool   `json:"met"`
	Result    string `json:"result"` // in words, with the measured value
}

var objective = regexp.MustCompile(`^(?:p(\d+(?:\.\d+)?)|(max|mean|errors|achieved))(?:\(([^()<>]+)\))?([<>])(.+)$`)

// ParseSLO reads objectives, separated by commas: p99<10ms, p99.9(service)<50ms,
// max<1s, mean<5ms, errors<0.1%, achieved>99%.
func ParseSLO(s string) ([]Objective, error) {
	if s == "" {
		return nil, nil
	}
	var all []Objective
	for part := range strings.SplitSeq(s, ",") {
		o, err := parseObjective(strings.Join(strings.Fields(part), "")) // blanks are for readers
		if err != nil {
			return nil, fmt.Errorf("objective %q: %w", part, err)
		}
		all = append(all, o)
	}
	return all, nil
}

func parseObjective(s string) (Objective, error) {
	m := objective.FindStringSubmatch(s)
	if m == nil {
		return Objective{}, errors.New("want one like p99<10ms, p99.9(service)<50ms, errors<0.1% or achieved>99%")
	}
	o := Objective{Text: s, of: m[2], series: m[3], less: m[4] == "<"}
	share := o.of == "errors" || o.of == "achieved"
	switch {
	case o.of == "achieved" && o.series != "":
		return o, fmt.Errorf("%s is of all calls, not of a series", o.of)
	case share:
		if isSeries(o.series) {
			return o, fmt.Errorf("%s is of all calls, not of a series", o.of)
		}
		o.step = o.series
		percent, ok := strings.CutSuffix(m[5], "%")
		v, err := strconv.ParseFloat(percent, 64)
		if err != nil || !ok || !(v >= 0 && v <= 100) {
			return o, fmt.Errorf("%q is not a percentage such as 0.1%%", m[5])
		}
		o.limit = v / 100
		return o, nil
	}
	if o.series == "" {
		o.series = series.Response.String()
	}
	if !isSeries(o.series) {
		o.series, o.step = series.Response.String(), o.series
	}
	if m[1] != "" {
		o.of = "p"
		p, err := strconv.ParseFloat(m[1], 64)
		if err != nil || !(p > 0 && p < 100) {
			return o, fmt.Errorf("p%s is no percentile", m[1])
		}
		o.p = p
	}
	d, err := time.ParseDuration(m[5])
	if err != nil || d < 0 {
		return o, fmt.Errorf("%q is not a duration such as 10ms", m[5])
	}
	o.limit = float64(d)
	return o, nil
}

func isSeries(name string) bool {
	_, ok := series.Named(name)
	return ok
}

// Share is the objective as a limit on a share of the calls: of those whose series takes longer than over, or that fail
// where series is empty, at most the share allowed, of 1. It is false for what is no such limit.
func (o Objective) Share() (step, name string, over time.Duration, allowed float64, ok bool) {
	switch {
	case o.less && o.of == "p":
		return o.step, o.series, time.Duration(o.limit), 1 - o.p/100, true
	case o.less && o.of == "errors":
		return o.step, "", 0, o.limit, true
	default:
		return "", "", 0, 0, false
	}
}

// CheckNames says which objective is of neither a series nor one of the steps and flows.
func CheckNames(all []Objective, steps []string) error {
	for _, o := range all {
		if o.step == "" || slices.Contains(steps, o.step) {
			continue
		}
		return fmt.Errorf("objective %q: %w", o.Text, noSuchName(o.step, series.Names(), steps))
	}
	return nil
}

// Check holds the objective against what was measured. A percentile that the
// count does not support is not met: nothing shows that it was kept.
func (o Objective) Check(m Measured) Kept {
	k := Kept{Objective: o.Text}
	switch o.of {
	case "errors":
		k.Met, k.Result = o.compare(m.Errors(o.step), percent)
	case "achieved":
		k.Met, k.Result = o.compare(m.Achieved, percent)
	default:
		v, ok := m.Latency(o.step, o.series, o.of, o.p)
		if !ok {
			k.Result = "missed: too few calls to tell"
			return k
		}
		k.Met, k.Result = o.compareKnown(v)
	}
	return k
}

// compareKnown says whether the limit is kept whatever calls without an answer would have taken.
func (o Objective) compareKnown(v Known) (met bool, result string) {
	if v.Bounded && v.Most <= v.Least {
		return o.compare(v.Least, duration)
	}
	atLeast := "at least " + duration(v.Least)
	switch {
	case o.less && v.Least >= o.limit:
		return false, fmt.Sprintf("missed by at least %s: %s", duration(v.Least-o.limit), atLeast)
	case o.less && v.Bounded && v.Most < o.limit:
		return true, fmt.Sprintf("met: %s, at most %s", atLeast, duration(v.Most))
	case o.less:
		return false, "not known: " + atLeast + ", since calls were never answered"
	case v.Least > o.limit:
		return true, "met: " + atLeast
	default:
		return false, "not known: " + atLeast + ", since calls were never answered"
	}
}

// compare says whether the limit is kept, and by how much it is missed.
func (o Objective) compare(v float64, write func(float64) string) (met bool, result string) {
	met = v > o.limit
	over := o.limit - v
	if o.less {
		met = v < o.limit
		over = v - o.limit
	}
	if met {
		return true, "met: " + write(v)
	}
	return false, fmt.Sprintf("missed by %s: %s", write(over), write(v))
}

func percent(v float64) string {
	if math.IsInf(v, 0) {
		return "∞ %"
	}
	return strconv.FormatFloat(100*v, 'g', 4, 64) + " %"
}

func duration(ns float64) string {
	d := time.Duration(ns)
	switch {
	case d >= time.Second:
		return d.Round(time.Millisecond).String()
	case d >= time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	default:
		return d.String()
	}
}
