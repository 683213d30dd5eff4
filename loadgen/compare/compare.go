// Package compare tells a change between two sets of runs from noise.
package compare

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"gonum.org/v1/gonum/stat"

	"grpcbench/loadgen/result"
	"grpcbench/loadgen/stats"
	"grpcbench/loadgen/verdict"
)

// Comparison is of one kind of run: those of either side that were made alike.
type Comparison struct {
	Name     string
	Old, New Side
	// Stretch is how long the parts are that runs were cut into; 0 where each run is one observation.
	Stretch time.Duration
	Metrics []Metric
	// Differ are the settings that the two sides do not share.
	Differ []string
	Notes  []string
	Limits []verdict.Kept
}

// Invalid counts the runs of both sides that cannot be believed.
func (c *Comparison) Invalid() int {
	return c.Old.count(verdict.Invalid) + c.New.count(verdict.Invalid)
}

// Side is one side's runs, and the observations that they make.
type Side struct {
	Runs   []*result.Document
	Rounds int
}

// count is how many of the runs were judged so.
func (s Side) count(status verdict.Status) (n int) {
	for _, d := range s.Runs {
		if d.Verdict.Status == status {
			n++
		}
	}
	return n
}

// Metric is what became of one figure.
type Metric struct {
	Name string
	Kind Kind
	stats.Shifted
	// Resolved says that the change is more than noise, for all metrics together, at 95 %. The
	// adjustment is Holm's.
	Resolved bool
	// Alone says that either side has a single value, so that there is no interval.
	Alone bool
}

// Kind is what a metric's values are.
type Kind int

// The kinds: calls per second, a share of 1, nanoseconds.
const (
	PerSecond Kind = iota
	Share
	Nanoseconds
)

// Worse says whether the change is for the bad: of a rate a fall is, of all else a rise.
func (m Metric) Worse() bool { return (m.Estimate > 0) == (m.Kind != PerSecond) }

// Runs compares the runs of two collections, those made alike with each other, and holds the limits against
// each. Where either side has runs of one kind only, those are compared, whatever they are. Alone names the
// kinds that only one side has.
func Runs(before, after []*result.Document, limits []verdict.ChangeLimit) (all []*Comparison, alone []string, err error) {
	olds, news := groups(before), groups(after)
	if len(olds) == 0 || len(news) == 0 {
		return nil, nil, fmt.Errorf("there are %d runs to compare with %d", len(before), len(after))
	}
	if len(olds) == 1 && len(news) == 1 {
		news[0].name = olds[0].name
	}
	for _, o := range olds {
		i := slices.IndexFunc(news, func(n group) bool { return n.name == o.name })
		if i < 0 {
			alone = append(alone, "old: "+o.name)
			continue
		}
		c, err := pair(o, news[i], limits)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", o.name, err)
		}
		all = append(all, c)
	}
	for _, n := range news {
		if !slices.ContainsFunc(olds, func(o group) bool { return o.name == n.name }) {
			alone = append(alone, "new: "+n.name)
		}
	}
	if len(all) == 0 {
		return nil, nil, fmt.Errorf("no run of the one was made as one of the other was: there are %s, and %s", names(olds), names(news))
	}
	return all, alone, nil
}

// pair compares two groups.
func pair(before, after group, limits []verdict.ChangeLimit) (*Comparison, error) {
	c := &Comparison{Name: before.name, Old: Side{Runs: before.runs}, New: Side{Runs: after.runs}, Differ: differences(before.runs[0], slices.Concat(before.runs[1:], after.runs))}
	old, young := runRounds(before.runs), runRounds(after.runs)
	whole := [2][]round{old, young}
	if min(len(old), len(young)) < fewestRuns {
		var err error
		if old, c.Stretch, err = stretchRounds(before.runs); err != nil {
			return nil, err
		}
		if young, _, err = stretchRounds(after.runs); err != nil {
			return nil, err
		}
	}
	c.Old.Rounds, c.New.Rounds = len(old), len(young)
	for _, name := range metricNames(whole[0], whole[1]) {
		a, b := values(old, name), values(young, name)
		m := Metric{Name: name, Kind: kind(name), Shifted: stats.Shift(a, b, c.known(name, stat.Mean(a, nil), stat.Mean(b, nil)))}
		if len(a) < 2 || len(b) < 2 { // only a whole run tells it
			a, b = values(whole[0], name), values(whole[1], name)
			m.Shifted, m.Alone = stats.Shift(a, b, 0), true
			m.Low, m.High, m.P = math.Inf(-1), math.Inf(1), 1
		}
		c.Metrics = append(c.Metrics, m)
	}
	c.resolve()
	c.notes()
	for _, l := range limits {
		i := slices.IndexFunc(c.Metrics, func(m Metric) bool { return m.Name == l.Metric && !m.Alone })
		change := verdict.Change{}
		if i >= 0 {
			m := c.Metrics[i]
			change = verdict.Change{Before: m.First, Value: m.Estimate, Low: m.Low, High: m.High}
		}
		c.Limits = append(c.Limits, l.Check(change, i >= 0))
	}
	return c, nil
}

// known is the variance of a metric's difference that the rounds do not show.
func (c *Comparison) known(name string, before, after float64) (variance float64) {
	share := func(of, mean float64, runs int) float64 { return of * of * mean * mean / float64(runs) }
	both := func(of float64) float64 {
		return share(of, before, len(c.Old.Runs)) + share(of, after, len(c.New.Runs))
	}
	switch {
	case name == "errors": // as many as by chance, where no run tells how much they scatter
		failed, calls := c.failed()
		p := failed / max(calls[0]+calls[1], 1)
		variance = p * (1 - p) * (1/max(calls[0], 1) + 1/max(calls[1], 1))
	case name == "rate" && c.Old.Runs[0].Loop == "open": // which is what was asked for
		return both(rateGrain)
	}
	if c.Stretch > 0 {
		variance += both(runToRun)
	}
	return variance
}

// failed is how many calls failed on both sides together, and how many were over on each.
func (c *Comparison) failed() (failed float64, calls [2]float64) {
	for i, s := range []Side{c.Old, c.New} {
		for _, d := range s.Runs {
			failed += float64(d.Counts.Failed)
			calls[i] += float64(d.Counts.OK + d.Counts.Failed)
		}
	}
	return failed, calls
}

// resolve adjusts the p-values for the number of metrics.
func (c *Comparison) resolve() {
	var p []float64
	var of []*Metric
	for i := range c.Metrics {
		if m := &c.Metrics[i]; !m.Alone {
			p, of = append(p, m.P), append(of, m)
		}
	}
	for i, adjusted := range stats.Holm(p) {
		of[i].Resolved = adjusted < 1-stats.Level/100.0
	}
}

// values are a metric's, of the rounds that have it.
func values(rounds []round, name string) (v []float64) {
	for _, r := range rounds {
		if x, ok := r[name]; ok {
			v = append(v, x)
		}
	}
	return v
}

// metricNames are those that both sides have, in the order of the tables.
func metricNames(a, b []round) (all []string) {
	both := func(name string) bool { return len(values(a, name)) > 0 && len(values(b, name)) > 0 }
	for _, name := range []string{"rate", "errors", "mean"} {
		if both(name) {
			all = append(all, name)
		}
	}
	for _, series := range verdict.ComparedSeries {
		if series == "service" && !both("p50(lag)") { // a closed loop's response is its service
			continue
		}
		for _, p := range verdict.ComparedPercentiles {
			if name := percentile(p, series); both(name) {
				all = append(all, name)
			}
		}
	}
	for _, name := range []string{"client_cpu", "server_cpu"} {
		if both(name) {
			all = append(all, name)
		}
	}
	return all
}

func kind(name string) Kind {
	switch name {
	case "rate":
		return PerSecond
	case "errors":
		return Share
	default:
		return Nanoseconds
	}
}

// notes tell how to read the figures.
func (c *Comparison) notes() {
	note := func(format string, args ...any) { c.Notes = append(c.Notes, fmt.Sprintf(format, args...)) }
	if c.Stretch > 0 {
		note("a side has fewer than %d runs: its intervals are of stretches of about %v, and runs are taken to differ by %.0f %% by themselves (standard deviation), so only large changes show; make 5 runs a side, by turns, to see smaller ones",
			fewestRuns, c.Stretch.Round(time.Second), 100*runToRun)
	}
	for _, s := range []struct {
		name string
		side Side
	}{{"old", c.Old}, {"new", c.New}} {
		for _, status := range []verdict.Status{verdict.Invalid, verdict.Suspect} {
			if n := s.side.count(status); n > 0 {
				note("%s: %s: %d of %d runs", strings.ToUpper(string(status)), s.name, n, len(s.side.Runs))
			}
		}
	}
	before := func(a, b []*result.Document) bool {
		return slices.MaxFunc(a, byStart).Started.Before(slices.MinFunc(b, byStart).Started)
	}
	if c.Stretch == 0 && (before(c.Old.Runs, c.New.Runs) || before(c.New.Runs, c.Old.Runs)) {
		note("one side's runs were all made before the other's: a drift of the machine would look like a change; make them by turns to rule it out")
	}
}

func byStart(a, b *result.Document) int { return a.Started.Compare(b.Started) }

// runToRun is how much the median of a run differs from that of its repetition, as a standard deviation,
// where that cannot be known: twenty runs of 5 s on two shared cores came out at 5 % in a closed loop and at
// 19 % in an open one at 500 calls/s.
const runToRun = 0.2

// rateGrain is how much of an open loop's rate the end of the last call may change.
const rateGrain = 0.001
