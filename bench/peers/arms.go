package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// comparison is one piece of work that every arm does, once a round.
type comparison struct {
	title string
	// unit is what the work is counted in, per how much of it a round is, and rate its speed.
	unit, rate string
	per        float64
	arms       []*arm
}

// arm is one generator: a command line, and what its runs cost.
type arm struct {
	name     string
	argv     []string
	measured []measurement
}

// called gives the arm another name.
func (a *arm) called(name string) *arm {
	a.name = name
	return a
}

// measurement is one run of a generator, start and end of the process included.
type measurement struct {
	cpu, user float64 // microseconds a unit
	rate      float64 // units a second
	rss       float64 // bytes
}

// patience is how long one run of a generator may take.
const patience = 2 * time.Minute

// run makes all rounds; each begins with another arm.
func (c *comparison) run(ctx context.Context, rounds int) error {
	for round := range rounds {
		for i := range c.arms {
			a := c.arms[(i+round)%len(c.arms)]
			m, err := a.run(ctx, c.per)
			for try := 1; isInvalid(err) && try < mostTries; try++ {
				m, err = a.run(ctx, c.per)
			}
			if err != nil {
				return err
			}
			a.measured = append(a.measured, m)
		}
	}
	return nil
}

// mostTries is how often an arm may do the work of a round whose measurement it calls INVALID: the machine is not
// always quiet.
const mostTries = 3

// isInvalid says whether loadgen ended with the exit code of an INVALID run.
func isInvalid(err error) bool {
	var exit *exec.ExitError
	return errors.As(err, &exit) && exit.ExitCode() == 4
}

// run does the work once; per is how much of it there is.
func (a *arm) run(ctx context.Context, per float64) (m measurement, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, a.argv[0], a.argv[1:]...)
	start := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		return m, fmt.Errorf("run %s: %w\n%s", a.name, err, out)
	}
	took := time.Since(start)
	user, system := cmd.ProcessState.UserTime(), cmd.ProcessState.SystemTime()
	m.user = float64(user.Nanoseconds()) / 1e3 / per
	m.cpu = m.user + float64(system.Nanoseconds())/1e3/per
	m.rate = per / took.Seconds()
	m.rss = peakMemory(cmd.ProcessState)
	return m, nil
}

func (a *arm) column(of func(measurement) float64) []float64 {
	v := make([]float64, len(a.measured))
	for i, m := range a.measured {
		v[i] = of(m)
	}
	return v
}

// table shows each arm's figures, and its CPU as a ratio to every other arm's worth comparing to, in the same round.
func (c *comparison) table() string {
	var b strings.Builder
	head := []string{
		"generator", "client CPU, " + c.unit, "of it user", "ratio to " + c.arms[0].name, c.rate,
		"peak RSS",
	}
	fmt.Fprintf(&b, "| %-12s | %-26s | %10s | %-22s | %10s | %8s |\n|---|---|--:|---|--:|--:|\n", head[0], head[1],
		head[2], head[3], head[4], head[5])
	for _, a := range c.arms {
		fmt.Fprintf(&b, "| %-12s | %-26s | %10.2f | %-22s | %10.0f | %4.0f MiB |\n", a.name,
			spread(a.column(func(m measurement) float64 { return m.cpu }), "%.2f"),
			median(a.column(func(m measurement) float64 { return m.user })),
			spread(ratios(a, c.arms[0]), "%.3f"),
			median(a.column(func(m measurement) float64 { return m.rate })),
			median(a.column(func(m measurement) float64 { return m.rss }))/(1<<20))
	}
	fmt.Fprintf(&b, "\nmedian (least to greatest of the rounds)\n")
	ours := c.arms[slices.IndexFunc(c.arms, func(a *arm) bool { return a.name == "loadgen wire" })]
	for _, a := range c.arms {
		if a != ours {
			fmt.Fprintf(&b, "loadgen wire : %-12s  %s\n", a.name, spread(ratios(ours, a), "%.3f"))
		}
	}
	return b.String()
}

// ratios are a's CPU to base's, round by round.
func ratios(a, base *arm) []float64 {
	v := make([]float64, len(a.measured))
	for i, m := range a.measured {
		v[i] = m.cpu / base.measured[i].cpu
	}
	return v
}

// spread writes the median with the least and the greatest.
func spread(v []float64, format string) string {
	return fmt.Sprintf(format+" ("+format+" to "+format+")", median(v), slices.Min(v), slices.Max(v))
}

func median(v []float64) float64 {
	s := slices.SortedFunc(slices.Values(v), cmp.Compare)
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}
