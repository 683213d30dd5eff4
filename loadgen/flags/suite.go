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

// SuiteRun is a load run of a suite, which has the defaults in all that is not here.
type SuiteRun struct {
	Name, RPC, Transport string
	// Rate is that of an open loop; 0 is a closed one.
	Rate float64
}

// The parts of a suite's time that its experiments take, and the least of both together.
const (
	overheadShare, timeoutsShare = 0.4, 0.25
	leastSuite                   = 3 * time.Minute
)

// What a run of a suite warms up, and what it takes beside that and its time, to start and to end.
const suiteWarmup, startAndEnd = 500 * time.Millisecond, 500 * time.Millisecond

// ReadSuite reads the command line of `loadgen suite`, whose load runs share the time that its experiments leave.
// Errors are as for [Run].
func ReadSuite(args []string, runs []SuiteRun, now time.Time, usage io.Writer) (Suite, error) {
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
	if err := plan.NewUsageError(problems...); err != nil {
		return s, err
	}
	forRuns := time.Duration(float64(budget) * (1 - overheadShare - timeoutsShare))
	each := (forRuns/time.Duration(len(runs)) - startAndEnd).Round(10 * time.Millisecond)
	for _, r := range runs {
		p, err := r.plan(each, filepath.Join(s.Out, r.Name))
		if err != nil {
			return s, fmt.Errorf("plan %s: %w", r.Name, err)
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

// plan makes the run's plan: d is its measured time, out its folder.
func (r SuiteRun) plan(d time.Duration, out string) (plan.Plan, error) {
	p, _, _ := read("run", nil, func(fs *flag.FlagSet, p *plan.Plan) { common(fs, p); load(fs, p) }) // the defaults
	p.Name, p.RPC, p.Transport, p.Rate = r.Name, r.RPC, r.Transport, r.Rate
	p.D, p.Warmup, p.Out, p.Quiet = d, suiteWarmup, out, true
	return p, complete(&p, nil, nil, strings.NewReader(""))
}

func part(d time.Duration, share float64) string {
	return time.Duration(float64(d) * share).Round(time.Second).String()
}
