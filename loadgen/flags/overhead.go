package flags

import (
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/verdict"
	"grpcbench/server/flagset"
)

// ReadOverhead reads the command line of `loadgen overhead`. Errors are as for [Run].
func ReadOverhead(args []string, usage io.Writer) (plan.Overhead, error) {
	o := plan.Overhead{
		Interceptors: slices.Clone(plan.OverheadInterceptors), Kinds: slices.Clone(plan.OverheadKinds),
		Sides: slices.Clone(plan.OverheadSides),
	}
	fs := flag.NewFlagSet("overhead", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Var((*listFlag)(&o.Interceptors), "interceptors", "`list` of what to measure")
	fs.Var((*listFlag)(&o.Kinds), "kinds", "`list` of kinds: unary, stream")
	fs.Var((*listFlag)(&o.Sides), "sides", "`list` of sides: server, client")
	flagset.DurationVar(fs, &o.Budget, "budget", 2*time.Minute, "time for all of it: sizes the rounds")
	flagset.NumberVar(fs, &o.Seed, "seed", 1, "of the order within each round")
	output(fs, &o.SLO, &o.Out, &o.Name, &o.Format, &o.Force, &o.Quiet, "as in 'overhead(logging)<5us'")
	problems := flagset.ParseFlags(fs, args)
	if isHelp(problems) {
		printUsage(usage, "loadgen overhead [flags]", fs)
		return o, flag.ErrHelp
	}
	for _, l := range []struct {
		flag       string
		got, known []string
	}{
		{"interceptors", o.Interceptors, plan.OverheadInterceptors},
		{"kinds", o.Kinds, plan.OverheadKinds},
		{"sides", o.Sides, plan.OverheadSides},
	} {
		if len(l.got) == 0 {
			problems = append(problems, fmt.Errorf("-%s: want some of %s", l.flag, strings.Join(l.known, ",")))
		}
		for i, name := range l.got {
			switch {
			case !slices.Contains(l.known, name):
				problems = append(problems, fmt.Errorf("-%s: unknown %q, want some of %s", l.flag, name,
					strings.Join(l.known, ",")))
			case slices.Contains(l.got[:i], name):
				problems = append(problems, fmt.Errorf("-%s: %s named twice", l.flag, name))
			}
		}
	}
	if o.Budget <= 0 {
		problems = append(problems, fmt.Errorf("-budget %v: want a positive duration", o.Budget))
	}
	return o, plan.NewUsageError(append(problems,
		outputProblems(&o.Format, o.Quiet, givenFlags(fs), o.SLO,
			func(s string) error { _, err := verdict.ParseCostLimits(s); return err })...)...)
}

// output are the flags of an experiment that say what becomes of its document.
func output(fs *flag.FlagSet, slo, out, name, format *string, force, quiet *bool, limits string) {
	fs.StringVar(slo, "slo", "", "`limits`, "+limits+"; exit code 3 where one is missed")
	outFlags(fs, out, force, "default results/<utc>-<experiment>")
	fs.StringVar(name, "name", "", "`label` in reports")
	fs.StringVar(format, "format", "text", "what is printed at the end: `text|json|md`")
	fs.BoolVar(quiet, "q", false, "print nothing but errors and, with -format, the result")
}

// outputProblems checks them.
func outputProblems(format *string, quiet bool, given map[string]bool, slo string,
	parse func(string) error,
) (problems []error) {
	if quiet && !given["format"] {
		*format = plan.Silent
	} else if err := oneOf("format", *format, []string{"text", "json", "md"}); err != nil {
		problems = append(problems, err)
	}
	if err := parse(slo); err != nil {
		problems = append(problems, fmt.Errorf("-slo: %w", err))
	}
	return problems
}
