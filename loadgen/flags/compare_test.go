package flags_test

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"strings"
	"testing"

	"grpcbench/loadgen/flags"
	"grpcbench/loadgen/plan"
)

func TestReadCompare(t *testing.T) {
	for _, tt := range []struct {
		reason, args string
		want         flags.Compare
		limits       string
	}{
		{"two folders", "a b", flags.Compare{Old: "a", New: "b", Format: "text"}, ""},
		{"flags before", "-format md a b", flags.Compare{Old: "a", New: "b", Format: "md"}, ""},
		{"flags between", "a -format=json b", flags.Compare{Old: "a", New: "b", Format: "json"}, ""},
		{
			"flags behind", "a b --format bench -o out.txt",
			flags.Compare{Old: "a", New: "b", Format: "bench", Out: "out.txt"},
			"",
		},
		{
			"limits", "a b -fail-on p99>+5%,rate<-5%",
			flags.Compare{Old: "a", New: "b", Format: "text"},
			"p99>+5% rate<-5%",
		},
		{"the same folder twice", "a a", flags.Compare{Old: "a", New: "a", Format: "text"}, ""},
	} {
		got, err := flags.ReadCompare(strings.Fields(tt.args), failingWriter{t})
		if err != nil {
			t.Errorf("%s: %v", tt.reason, err)
			continue
		}
		var limits []string
		for _, l := range got.FailOn {
			limits = append(limits, l.Text)
		}
		if got.Old != tt.want.Old || got.New != tt.want.New || got.Format != tt.want.Format ||
			got.Out != tt.want.Out || strings.Join(limits, " ") != tt.limits {
			t.Errorf("%s: %+v, want %+v and limits %s", tt.reason, got, tt.want, tt.limits)
		}
	}
}

// Everything that is wrong is named, at once.
func TestReadCompareRefuses(t *testing.T) {
	for _, tt := range []struct {
		reason, args string
		says         []string
	}{
		{"nothing", "", []string{"two folders"}},
		{"one folder", "a", []string{"two folders"}},
		{"three", "a b c", []string{"two folders"}},
		{"a format of reports", "a b -format html", []string{`"html"`, "text, md, json, bench"}},
		{"a limit without a sign", "a b -fail-on p99>5%", []string{"-fail-on", `"p99>5%"`}},
		{"an unknown flag", "a b -nosuch", []string{"-nosuch"}},
		{
			"all of it", "-nosuch x -format pdf -fail-on slow a",
			[]string{"-nosuch", `"pdf"`, "-fail-on", `"slow"`, "two folders"},
		},
	} {
		p, err := flags.ReadCompare(strings.Fields(tt.args), failingWriter{t})
		if _, ok := errors.AsType[*plan.UsageError](err); !ok {
			t.Errorf("%s: %+v, %v, want a usage error", tt.reason, p, err)
			continue
		}
		for _, want := range tt.says {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q does not say %s", tt.reason, err, want)
			}
		}
	}
}

// A problem is one line, with the flag that it is about.
func TestReadCompareNamesTheFlagInTheLine(t *testing.T) {
	_, err := flags.ReadCompare(strings.Fields("a b -fail-on p99>5%"), io.Discard)
	if err == nil || strings.Contains(err.Error(), "\n") {
		t.Errorf("one problem in more than one line: %q", err)
	}
}

func TestCompareHelp(t *testing.T) {
	for _, args := range []string{"-h", "a --help", "-nosuch a b c -h"} {
		var usage bytes.Buffer
		if _, err := flags.ReadCompare(strings.Fields(args), &usage); !errors.Is(err, flag.ErrHelp) {
			t.Errorf("%s: %v, want flag.ErrHelp", args, err)
		}
		for _, want := range []string{
			"usage: loadgen compare OLD NEW", "-fail-on changes",
			"-format text|md|json|bench", "-o file", "exit code 3",
		} {
			if !strings.Contains(usage.String(), want) {
				t.Errorf("%s: the usage does not show %q:\n%s", args, want, &usage)
			}
		}
	}
}
