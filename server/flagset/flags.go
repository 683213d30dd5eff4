package flagset

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"strings"
	"time"
)

// ParseFlags parses args, all of which must be flags, and goes on after a bad
// one, so that both command lines name all of them at once. flag.ErrHelp, where
// it comes, is the last.
func ParseFlags(fs *flag.FlagSet, args []string) (problems []error) {
	others, problems := ParseArgs(fs, args)
	var unexpected []error
	for _, arg := range others {
		unexpected = append(unexpected, fmt.Errorf("unexpected argument %q", arg))
	}
	return append(unexpected, problems...)
}

// ParseArgs is [ParseFlags] for a command line where other arguments may stand
// before, between and after the flags.
func ParseArgs(fs *flag.FlagSet, args []string) (others []string, problems []error) {
	for len(args) > 0 {
		err := fs.Parse(args)
		if err == nil {
			args = fs.Args()
			if len(args) > 0 {
				others, args = append(others, args[0]), args[1:]
			}
			continue
		}
		problems = append(problems, err)
		if errors.Is(err, flag.ErrHelp) {
			break
		}
		rest := fs.Args()
		if len(rest) == len(args) {
			args = rest[1:] // bad syntax, which Parse leaves where it is
			continue
		}
		bad := args[len(args)-len(rest)-1]
		// the package has no error value for it
		unknown := strings.HasPrefix(err.Error(), "flag provided but not defined")
		if unknown && !strings.Contains(bad, "=") && len(rest) > 0 && !strings.HasPrefix(rest[0], "-") {
			rest = rest[1:] // the value of a flag that does not exist
		}
		args = rest
	}
	return others, problems
}

// Number is what a number flag holds.
type Number interface {
	int | int64 | uint | uint64 | float64
}

// NumberVar defines a number flag; unlike the flag package's own, a value that is not one leaves the default in place.
func NumberVar[T Number](fs *flag.FlagSet, p *T, name string, value T, usage string) {
	*p = value
	fs.Var(number[T]{p}, name, usage)
}

type number[T Number] struct{ p *T }

func (n number[T]) String() string {
	if n.p == nil {
		return "0"
	}
	return fmt.Sprint(*n.p)
}

func (n number[T]) Set(s string) error {
	var v T
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		if _, ok := any(v).(float64); ok {
			return errors.New("want a number")
		}
		return errors.New("want a whole number in range")
	}
	*n.p = v
	return nil
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
