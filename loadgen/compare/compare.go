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

// Runs compares the runs of two collections, those made alike with each other, and holds the limits against
// each. Where either side has runs of one kind only, those are compared, whatever they are. Alone names the
// kinds that only one side has.
func Runs(before, after []*result.Document, limits []verdict.ChangeLimit) (all []*Comparison, alone []string,
	err error,
) {
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
		c, err := comparePair(o, news[i], limits)
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
		return nil, nil, fmt.Errorf("no run of the one was made as one of the other was: there are %s, and %s",
			names(olds), names(news))
	}
	return all, alone, nil
}

// comparePair compares two groups.
func comparePair(before, after group, limits []verdict.ChangeLimit) (*Comparison, error) {
	c := &Comparison{
		Name: before.name, Old: Side{Runs: before.runs}, New: Side{Runs: after.runs},
		Differ: differences(before.runs[0], slices.Concat(before.runs[1:], after.runs)),
	}
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
	parts := partNames(before.runs[0])
	for _, name := range metricNames(whole[0], whole[1], parts) {
		a, b := values(old, name), values(young, name)
		m := Metric{
			Name: name, Kind: kind(name), Part: isOf(name, parts),
			Shifted: stats.Shift(a, b, c.known(name, stat.Mean(a, nil), stat.Mean(b, nil))),
		}
		if len(a) < 2 || len(b) < 2 { // only a whole run tells it
			a, b = values(whole[0], name), values(whole[1], name)
			m.Shifted, m.Alone = stats.Shift(a, b, 0), true
			m.Low, m.High, m.P = math.Inf(-1), math.Inf(1), 1
		}
		m.OldAtLeast, m.NewAtLeast = atLeast(name, before.runs), atLeast(name, after.runs)
		c.Metrics = append(c.Metrics, m)
	}
	c.resolve(false)
	c.resolve(true)
	c.notes()
	for _, l := range limits {
		i := slices.IndexFunc(c.Metrics, func(m Metric) bool { return m.Name == l.Metric && !m.Alone })
		change := verdict.Change{}
		if i >= 0 {
			m := c.Metrics[i]
			change = verdict.Change{Before: m.First, Value: m.Estimate, Low: m.Low, High: m.High, Unknown: m.unknown()}
		}
		c.Limits = append(c.Limits, l.Check(change, i >= 0))
	}
	return c, nil
}

func partNames(d *result.Document) (all []string) {
	for _, p := range d.Parts() {
		all = append(all, p.Name)
	}
	return all
}

// isOf says whether a metric is of one of the parts.
func isOf(metric string, parts []string) bool {
	_, name, _ := strings.Cut(strings.TrimSuffix(metric, ")"), "(")
	return slices.Contains(parts, name)
}

// notes tell how to read the figures.
func (c *Comparison) notes() {
	note := func(format string, args ...any) { c.Notes = append(c.Notes, fmt.Sprintf(format, args...)) }
	if c.Stretch > 0 {
		note("a side has fewer than %d runs: its intervals are of stretches of about %v, and runs are taken to "+
			"differ by %.0f %% by themselves (standard deviation), so only large changes show; make 5 runs a side, "+
			"by turns, to see smaller ones",
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
		note("one side's runs were all made before the other's: a drift of the machine would look like a change; " +
			"make them by turns to rule it out")
	}
}

func byStart(a, b *result.Document) int { return a.Started.Compare(b.Started) }
