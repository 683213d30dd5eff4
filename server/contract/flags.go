package contract

import (
	"errors"
	"flag"
	"fmt"
	"strings"
	"time"
)

// ParseFlags parses args and goes on after a bad flag, so that both command
// lines name all of them at once. flag.ErrHelp, where it comes, is the last.
func ParseFlags(fs *flag.FlagSet, args []string) (problems []error) {
	for {
		err := fs.Parse(args)
		if err == nil {
			break
		}
		problems = append(problems, err)
		if errors.Is(err, flag.ErrHelp) {
			return problems
		}
		rest := fs.Args()
		if len(rest) == len(args) {
			args = rest[1:] // bad syntax, which Parse leaves where it is
			continue
		}
		bad := args[len(args)-len(rest)-1]
		unknown := strings.HasPrefix(err.Error(), "flag provided but not defined") // the package has no error value for it
		if unknown && !strings.Contains(bad, "=") && len(rest) > 0 && !strings.HasPrefix(rest[0], "-") {
			rest = rest[1:] // the value of a flag that does not exist
		}
		args = rest
	}
	if fs.NArg() > 0 {
		problems = append(problems, fmt.Errorf("unexpected argument %q", fs.Arg(0)))
		return append(problems, ParseFlags(fs, fs.Args()[1:])...)
	}
	return problems
}

// DurationVar defines a duration flag that says what is wrong with a value
// without a unit.
func DurationVar(fs *flag.FlagSet, p *time.Duration, name string, value time.Duration, usage string) {
	*p = value
	fs.Var((*duration)(p), name, usage)
}

type duration time.Duration

func (d *duration) String() string { return time.Duration(*d).String() }

func (d *duration) Set(s string) error {
	v, err := time.ParseDuration(s)
	if err != nil {
		return errors.New("want a duration with a unit, such as 30s or 500ms")
	}
	*d = duration(v)
	return nil
}
