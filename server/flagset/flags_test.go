package flagset

import (
	"errors"
	"flag"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

// parseFlags parses args by a small command line. A parser that does not come
// to an end is stopped by the usage it asks for again and again.
func parseFlags(t *testing.T, args []string) (problems []error, drain time.Duration) {
	t.Helper()
	fs := flag.NewFlagSet("test", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	DurationVar(fs, &drain, "drain", time.Second, "how long")
	fs.Int("count", 1, "how many")
	fs.Bool("quiet", false, "whether")
	asked := 0
	fs.Usage = func() {
		asked++
		if asked > 100 {
			panic("endless")
		}
	}
	defer func() {
		if r := recover(); r != nil {
			t.Errorf("ParseFlags(%q) is %v", args, r)
		}
	}()
	return ParseFlags(fs, args), drain
}

func TestParseFlags(t *testing.T) {
	for _, tt := range []struct {
		reason string
		args   []string
		drain  time.Duration
	}{
		{"the default", nil, time.Second},
		{"one dash", []string{"-drain=5s"}, 5 * time.Second},
		{
			"two dashes, and the value apart",
			[]string{"-quiet", "--drain", "500ms", "-count", "-1"},
			500 * time.Millisecond,
		},
		{"zero needs no unit", []string{"-drain=0"}, 0},
		{"the last one counts", []string{"-drain=5s", "-drain=6s"}, 6 * time.Second},
	} {
		if problems, drain := parseFlags(t, tt.args); problems != nil || drain != tt.drain {
			t.Errorf("%s: ParseFlags(%q): %v, %v, want %v", tt.reason, tt.args, problems, drain, tt.drain)
		}
	}
}

func TestParseFlagsNamesEveryProblem(t *testing.T) {
	for _, tt := range []struct {
		reason string
		args   []string
		says   []string // one for each problem
	}{
		{"a flag that does not exist", []string{"-nosuch"}, []string{"-nosuch"}},
		{"its value is no problem of its own", []string{"-nosuch", "7", "-count=x"}, []string{"-nosuch", "-count"}},
		{"a flag without its value", []string{"-drain"}, []string{"-drain"}},
		{
			"a duration without a unit says what is missing",
			[]string{"-drain=5"},
			[]string{"want a duration with a unit"},
		},
		{"wrong values of two kinds", []string{"-drain=soon", "-count=many"}, []string{"-drain", "-count"}},
		{"an argument that is no flag", []string{"-quiet", "stray"}, []string{`"stray"`}},
		{"arguments after the end of flags", []string{"-quiet", "--", "-drain"}, []string{`"-drain"`}},
		{"an argument between", []string{"stray", "-nosuch"}, []string{"stray", "-nosuch"}},
		{"an argument after a wrong value", []string{"-drain=soon", "stray"}, []string{"-drain", "stray"}},
		{"three dashes", []string{"---drain=5s"}, []string{"---drain=5s"}},
		{"a flag without a name", []string{"-=5", "-count=x"}, []string{"-=5", "-count"}},
	} {
		problems, _ := parseFlags(t, tt.args)
		for _, part := range tt.says {
			if !slices.ContainsFunc(problems, func(p error) bool { return strings.Contains(p.Error(), part) }) {
				t.Errorf("%s: ParseFlags(%q) does not say %s: %q", tt.reason, tt.args, part, problems)
			}
		}
		if len(problems) != len(tt.says) {
			t.Errorf("%s: ParseFlags(%q) names %d problems, want %d: %q", tt.reason, tt.args, len(problems),
				len(tt.says), problems)
		}
	}
}

func TestParseFlagsEndsWithHelp(t *testing.T) {
	for _, args := range [][]string{{"-h"}, {"--help"}, {"-nosuch", "-help", "-count=x"}} {
		problems, _ := parseFlags(t, args)
		if n := len(problems); n == 0 || !errors.Is(problems[n-1], flag.ErrHelp) {
			t.Errorf("ParseFlags(%q): %q, want flag.ErrHelp as the last", args, problems)
		}
	}
}
