package flags_test

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"grpcbench/loadgen/flags"
	"grpcbench/loadgen/plan"
)

func TestReadCall(t *testing.T) {
	for _, tt := range []struct {
		reason string
		args   []string
		set    func(*flags.Call)
	}{
		{"a unary call has a deadline", nil, func(*flags.Call) {}},
		{"a request", []string{"-data", `{"id":"1"}`}, func(c *flags.Call) { c.Data, c.HasData = `{"id":"1"}`, true }},
		{"an empty request is one", []string{"-data="}, func(c *flags.Call) { c.HasData = true }},
		{
			"a chat may be given one",
			[]string{"-rpc", "GetHelp", "-timeout", "3s"},
			func(c *flags.Call) { c.RPC, c.Timeout, c.HasTimeout = "GetHelp", 3*time.Second, true },
		},
		{
			"a server elsewhere",
			[]string{"-addr", "dns:///a:1"},
			func(c *flags.Call) { c.Addr, c.Target = "dns:///a:1", nil },
		},
		{
			"the target's own flags",
			[]string{"-target", "-interceptors=all"},
			func(c *flags.Call) { c.Target = []string{"-interceptors=all"} },
		},
		{
			"TLS by its CA",
			[]string{"-cacert", "ca.pem"},
			func(c *flags.Call) { c.TLS = plan.TLS{On: true, CA: "ca.pem"} },
		},
		{
			"metadata",
			[]string{"-H", "k: v"},
			func(c *flags.Call) { c.Metadata, c.MetadataTold = []string{"k", "v"}, []string{"k", "v"} },
		},
	} {
		got, err := flags.ReadCall(append([]string{"-rpc", "GetUser"}, tt.args...), io.Discard)
		if err != nil {
			t.Errorf("%s: %v", tt.reason, err)
			continue
		}
		want := flags.Call{Plan: plan.Plan{
			RPC: "GetUser", Transport: "grpc", Timeout: 20 * time.Second, ConnectTimeout: 10 * time.Second,
			MaxMessage: 4 << 20,
			Target:     []string{"-interceptors=recovery,requestid"},
		}}
		tt.set(&want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.reason, diff)
		}
	}
}

func TestReadCallRefuses(t *testing.T) {
	for _, tt := range []struct {
		reason, args string
		says         []string
	}{
		{"a load run's flag", "-rpc Search -c 3", []string{"-c"}},
		{"a request without its flag", `-rpc Search {}`, []string{`"{}"`}},
		{
			"all at once", "-timeout -1s -connect-timeout 0s -cert x -bogus -rpc Search -addr a:1 -target -x=1 " +
				"-insecure",
			[]string{
				"-timeout -1s", "-connect-timeout 0s", "-cert and -key", "-bogus", "-target",
				"plaintext is the default",
			},
		},
	} {
		_, err := flags.ReadCall(strings.Fields(tt.args), io.Discard)
		if _, ok := errors.AsType[*plan.UsageError](err); !ok {
			t.Errorf("%s: %v, want a usage error", tt.reason, err)
			continue
		}
		for _, part := range tt.says {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %q says nothing about %q", tt.reason, err, part)
			}
		}
	}
}

func TestReadReport(t *testing.T) {
	for _, tt := range []struct {
		reason, args string
		want         flags.Report
	}{
		{"all results, for a pull request", "", flags.Report{Dirs: []string{"results"}, Format: "md"}},
		{"a folder", "a", flags.Report{Dirs: []string{"a"}, Format: "md"}},
		{"folders, in their order", "b a c", flags.Report{Dirs: []string{"b", "a", "c"}, Format: "md"}},
		{
			"flags before folders", "-format html -o x.html a b",
			flags.Report{Dirs: []string{"a", "b"}, Out: "x.html", Format: "html"},
		},
		{
			"flags after folders", "a b -format html -o x.html",
			flags.Report{Dirs: []string{"a", "b"}, Out: "x.html", Format: "html"},
		},
		{
			"flags between folders", "a -format=csv b --o=x.csv c",
			flags.Report{Dirs: []string{"a", "b", "c"}, Out: "x.csv", Format: "csv"},
		},
		{"flags alone", "-format json", flags.Report{Dirs: []string{"results"}, Format: "json"}},
		{"a folder like a flag, after --", "-format text -- -a", flags.Report{Dirs: []string{"-a"}, Format: "text"}},
	} {
		got, err := flags.ReadReport(strings.Fields(tt.args), io.Discard)
		if err != nil {
			t.Errorf("%s: %v", tt.reason, err)
			continue
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.reason, diff)
		}
	}
}

func TestReadReportRefuses(t *testing.T) {
	for _, tt := range []struct {
		reason, args string
		says         []string
	}{
		{"an unknown format, with the known", "-format pdf", []string{"pdf", "html", "md", "csv", "json", "text"}},
		{"the silent format", "-format none", []string{"none"}},
		{"an unknown flag", "-rpc Search", []string{"-rpc"}},
		{"an unknown flag after a folder", "a -rpc Search", []string{"-rpc"}},
		{"a flag without its value", "a -o", []string{"-o"}},
		{"all at once", "-bogus -format pdf a", []string{"-bogus", "pdf"}},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			r, err := flags.ReadReport(strings.Fields(tt.args), io.Discard)
			if _, ok := errors.AsType[*plan.UsageError](err); !ok {
				t.Fatalf("%v and %+v, want a usage error", err, r)
			}
			for _, part := range tt.says {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q says nothing about %q", err, part)
				}
			}
		})
	}
}

// Help is no error of use, and lists what the subcommand takes and nothing else.
func TestHelpOfSubcommands(t *testing.T) {
	for _, tt := range []struct {
		name string
		read func([]string, io.Writer) error
		has  []string
		not  []string
	}{
		{
			"call", func(a []string, w io.Writer) error { _, err := flags.ReadCall(a, w); return err },
			[]string{"loadgen call", "-data", "-rpc"},
			[]string{"-warmup", "-conns "},
		},
		{
			"report", func(a []string, w io.Writer) error { _, err := flags.ReadReport(a, w); return err },
			[]string{"loadgen report", "-format", "-o file"},
			[]string{"-rpc"},
		},
	} {
		var usage bytes.Buffer
		if err := tt.read([]string{"-h"}, &usage); !errors.Is(err, flag.ErrHelp) {
			t.Errorf("%s: %v, want flag.ErrHelp", tt.name, err)
		}
		text := usage.String()
		missing := slices.DeleteFunc(tt.has, func(s string) bool { return strings.Contains(text, s) })
		extra := slices.DeleteFunc(tt.not, func(s string) bool { return !strings.Contains(text, s) })
		if len(missing) > 0 || len(extra) > 0 {
			t.Errorf("%s: the usage lacks %q and shows %q:\n%s", tt.name, missing, extra, text)
		}
	}
}
