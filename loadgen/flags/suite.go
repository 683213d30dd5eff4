package flags

import (
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"grpcbench/loadgen/plan"
	"grpcbench/server/flagset"
)

// Suite is the plan of `loadgen suite`: the plans of its parts, by the order in which they are carried out.
type Suite struct {
	Runs     []plan.Plan
	Overhead plan.Overhead
	Timeouts plan.Timeouts
	Out      string
	Quiet    bool
}

// The parts of a suite's time that its experiments take, and the least of both together.
const (
	overheadShare, timeoutsShare = 0.4, 0.25
	leastSuite                   = 3 * time.Minute
)

// ReadSuite reads the command line of `loadgen suite`. Lines are its runs' command lines, the last word of each its
// name. Errors are as for [Run].
func ReadSuite(args []string, lines [][]string, now time.Time, usage io.Writer) (Suite, error) {
	var s Suite
	var budget time.Duration
	fs := flag.NewFlagSet("suite", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	flagset.DurationVar(fs, &budget, "budget", 5*time.Minute, "time for all of it")
	fs.StringVar(&s.Out, "o", filepath.Join("results", now.UTC().Format("20060102T150405.000Z")+"-suite"),
		"`folder` of all its runs")
	fs.BoolVar(&s.Quiet, "q", false, "print nothing but errors")
	problems := flagset.ParseFlags(fs, args)
	if isHelp(problems) {
		printUsage(usage, "loadgen suite [flags]", fs)
		return s, flag.ErrHelp
	}
	if budget < leastSuite {
		problems = append(problems, fmt.Errorf("-budget %v: the suite wants %v or more", budget, leastSuite))
	}
	if err := plan.Usage(problems...); err != nil {
		return s, err
	}
	// to start and end
	each := time.Duration(
		float64(budget)*(1-overheadShare-timeoutsShare))/time.Duration(len(lines)) - 500*time.Millisecond
	for _, line := range lines {
		name := line[len(line)-1]
		p, err := Run(append(line, "-d", each.Round(10*time.Millisecond).String(), "-warmup", "500ms", "-q", "-o",
			filepath.Join(s.Out, name)), strings.NewReader(""), usage)
		if err != nil {
			return s, fmt.Errorf("plan %s: %w", name, err)
		}
		s.Runs = append(s.Runs, p)
	}
	var err error
	if s.Overhead, err = ReadOverhead([]string{
		"-q", "-budget", part(budget, overheadShare), "-o",
		filepath.Join(s.Out, "overhead"),
	}, usage); err != nil {
		return s, err
	}
	s.Timeouts, err = ReadTimeouts([]string{
		"-q", "-budget", part(budget, timeoutsShare), "-o",
		filepath.Join(s.Out, "timeouts"),
	}, usage)
	return s, err
}

func part(d time.Duration, share float64) string {
	return time.Duration(float64(d) * share).Round(time.Second).String()
}
