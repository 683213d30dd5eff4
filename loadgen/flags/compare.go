package flags

import (
	"errors"
	"flag"
	"fmt"
	"io"

	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/verdict"
	"grpcbench/server/flagset"
)

// Compare is what `loadgen compare` reads and writes.
type Compare struct {
	Old, New string // folders
	FailOn   []verdict.ChangeLimit
	Out      string // empty: the standard output
	Format   string
}

// CompareFormats are those of a comparison.
var CompareFormats = []string{"text", "md", "json", "bench"}

// ReadCompare reads the command line of `loadgen compare`. Errors are as for [Run].
func ReadCompare(args []string, usage io.Writer) (Compare, error) {
	var c Compare
	var failOn string
	fs := flag.NewFlagSet("compare", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&failOn, "fail-on", "", "`changes` to fail on, as in 'p99>+5%,rate<-5%,errors>+0.1%': exit code 3 "+
		"where one is beyond its limit and is not noise")
	fs.StringVar(&c.Out, "o", "", "`file` to write; default the terminal")
	fs.StringVar(&c.Format, "format", "text", "`text|md|json|bench`; bench is for benchstat -col side")
	dirs, problems := flagset.ParseArgs(fs, args)
	if isHelp(problems) {
		printUsage(usage, "loadgen compare OLD NEW [flags]   (folders: all runs below each)", fs)
		return c, flag.ErrHelp
	}
	if err := oneOf("format", c.Format, CompareFormats); err != nil {
		problems = append(problems, err)
	}
	var err error
	if c.FailOn, err = verdict.ParseChangeLimits(failOn); err != nil {
		problems = append(problems, fmt.Errorf("-fail-on: %w", err))
	}
	if len(dirs) == 2 {
		c.Old, c.New = dirs[0], dirs[1]
	} else {
		problems = append(problems, errors.New("compare wants two folders: OLD NEW"))
	}
	return c, plan.NewUsageError(problems...)
}
