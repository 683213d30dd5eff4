package flags

import (
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/transport"
	"grpcbench/server/flagset"
)

// ReadTimeouts reads the command line of `loadgen timeouts`. Errors are as for [Run].
func ReadTimeouts(args []string, usage io.Writer) (plan.Timeouts, error) {
	t := plan.Timeouts{Transports: slices.Clone(transport.Names)}
	deadlines := listFlag{"50ms", "200ms"}
	var slo string
	fs := flag.NewFlagSet("timeouts", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Var((*listFlag)(&t.Transports), "transports", "`list` of "+strings.Join(transport.Names, ", "))
	fs.Var(&deadlines, "deadlines", "`list` of deadlines")
	flagset.DurationVar(fs, &t.Budget, "budget", time.Minute, "time for all of it: sizes the number of calls")
	output(fs, &slo, &t.Out, &t.Name, &t.Format, &t.Force, &t.Quiet, "not for this experiment")
	problems := flagset.ParseFlags(fs, args)
	if isHelp(problems) {
		printUsage(usage, "loadgen timeouts [flags]", fs)
		return t, flag.ErrHelp
	}
	for _, name := range t.Transports {
		if !slices.Contains(transport.Names, name) {
			problems = append(problems, fmt.Errorf("-transports: unknown %q, want some of %s", name,
				strings.Join(transport.Names, ",")))
		}
	}
	if len(t.Transports) == 0 {
		problems = append(problems, fmt.Errorf("-transports: want some of %s", strings.Join(transport.Names, ",")))
	}
	for _, text := range deadlines {
		d, err := time.ParseDuration(text)
		if err != nil || d < 5*time.Millisecond || d > 10*time.Second {
			problems = append(problems, fmt.Errorf("-deadlines %q: want durations from 5ms to 10s", text))
		}
		t.Deadlines = append(t.Deadlines, d)
	}
	if t.Budget <= 0 {
		problems = append(problems, fmt.Errorf("-budget %v: want a positive duration", t.Budget))
	}
	return t, plan.NewUsageError(append(problems,
		outputProblems(&t.Format, t.Quiet, givenFlags(fs), slo, func(s string) error {
			if s != "" {
				return fmt.Errorf("%q: timeouts has no limits of its own; its table says what is wrong", s)
			}
			return nil
		})...)...)
}
