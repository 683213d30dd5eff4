package flags_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"grpcbench/loadgen/plan"
)

// refused runs a bad command line and returns its problems, one a line.
func refused(t *testing.T, args ...string) []string {
	t.Helper()
	p, err := readRun(args, io.Discard)
	var usage *plan.UsageError
	if !errors.As(err, &usage) {
		t.Errorf("%q: error %v and %+v, want a usage error", args, err, p)
		return nil
	}
	if got := strings.Split(err.Error(), "\n"); len(got) != len(usage.Problems) {
		t.Errorf("%q: %d problems in %d lines:\n%v", args, len(usage.Problems), len(got), err)
	}
	return strings.Split(err.Error(), "\n")
}

// says checks that a bad command line has one problem, which says so.
func says(t *testing.T, reason string, problems []string, want string) {
	t.Helper()
	if len(problems) != 1 || !strings.Contains(problems[0], want) {
		t.Errorf("%s: %q, want one problem that says %q", reason, problems, want)
	}
}

// Each bad value alone is one problem, and its flag is named.
func TestRunRefuses(t *testing.T) {
	for _, tt := range []struct {
		reason string
		args   string
		says   string
	}{
		{"no worker", "-c 0", "-c 0: want 1 to 65536"},
		{"negative workers", "-c -1", "-c -1"},
		{"more workers than ids tell apart", "-c 65537", "-c 65537"},
		{"workers in words", "-c many", `"many" for flag -c`},
		{"half a worker", "-concurrency 1.5", `"1.5" for flag -concurrency`},
		{"no connection", "-conns 0", "-conns 0"},
		{"a second trace", "-otlp a:1 -H traceparent:x", "-H traceparent: with -otlp each call has one of its own"},
		{"a collector at any port", "-otlp a:0", `-otlp "a:0": want host:port`},
		{"metrics at no port", "-metrics localhost", `-metrics "localhost": want host:port`},
		{"more than all calls", "-otlp a:1 -trace-ratio 1.5", "-trace-ratio 1.5: want a share between 0 and 1"},
		{"traces for nobody", "-trace-ratio 0.5", "-trace-ratio says how many calls -otlp gets"},
		{"more connections than workers", "-c 2 -conns 3", "-conns 3: want 1 to -c connections (2)"},
		{"a negative total", "-n -1 -d 1s", "-n -1"},
		{"no end at all", "-n 0", "give -d or -n"},
		{"a run of no time", "-d 0s", "give -d or -n"},
		{"a run that ended before", "-d -1s", "-d -1s"},
		{"a negative warm-up", "-warmup -1s", "-warmup -1s"},
		{"a negative drain", "-drain -1ms", "-drain -1ms"},
		{"a negative interval", "-interval -1ms", "-interval -1ms"},
		{"a negative deadline", "-timeout -1s", "-timeout -1s"},
		{"no time to connect", "-connect-timeout 0s", "-connect-timeout 0s"},
		{"less than no time to connect", "-connect-timeout -1s", "-connect-timeout -1s"},
		{"a negative rate", "-rate -1", "-rate -1"},
		{"a rate of next to nothing", "-rate 0.0001", "-rate 0.0001"},
		{"a rate that is no number", "-rate NaN", "for flag -rate"},
		{"a rate without an end", "-rate +Inf", "for flag -rate"},
		{"a rate beyond any server", "-rate 1e12", "-rate 1e+12"},
		{"a negative rate of messages", "-message-rate -1", "-message-rate -1"},
		{"a stage without a rate", "-stages 10s", `stage "10s"`},
		{"a stage without a unit", "-stages 10:100", `stage "10:100"`},
		{"the stage at fault, of several", "-stages 1s:1,2s:fast", `stage "2s:fast"`},
		{"stages and a rate", "-stages 1s:1 -rate 1", "-rate and -stages"},
		{"stages and another duration", "-stages 1s:1 -d 2s", "-d 2s: -stages take 1s"},
		{"an unknown arrival process", "-rate 1 -arrival burst", `-arrival "burst": want one of uniform, poisson`},
		{"an arrival process of a closed loop", "-arrival poisson", "-arrival is for an open loop"},
		{"a feed without a file", "-feed row=", "-feed row=: want FILE"},
		{"two feeds of one name", "-feed a.csv -feed b.csv", "there is a feed row already"},
		{"a feed's name that no slot has", "-feed a:b=c.csv", "cannot be a feed's name"},
		{"an unknown code", "-expect-code GONE", `-expect-code "GONE": want one of CANCELLED`},
		{
			"an answer of a call that is to fail", "-expect-code not_found -expect {}",
			"a call that is to fail has no answer",
		},
		{"a warm-up that uses rows up", "-addr x:1 -feed a.csv,once -warmup 1s", "-warmup 1s: it would use up rows"},
		{"an expectation that is not there", "-addr x:1 -expect @nosuch.json", "-expect: open nosuch.json"},
		{"a precise wait of a closed loop", "-spin", "-spin is for an open loop"},
		{"two paces of messages", "-message-rate 100 -interval 1ms", "-message-rate and -interval"},
		{"an objective that says nothing", "-slo fast", `objective "fast"`},
		{"an objective without a unit", "-slo p99<10", `objective "p99<10"`},
		{"a duration without a unit", "-d 5", `"5" for flag -d: want a duration with a unit`},
		{"a long form without a unit", "-duration 5", `flag -duration: want a duration with a unit`},
		{"a warm-up without a unit", "-warmup 5", "flag -warmup: want a duration with a unit"},
		{"a drain without a unit", "-drain 5", "flag -drain: want a duration with a unit"},
		{"a deadline without a unit", "-timeout 5", "flag -timeout: want a duration with a unit"},
		{"an interval without a unit", "-interval 5", "flag -interval: want a duration with a unit"},
		{
			"a connect timeout without a unit", "-connect-timeout 5",
			"flag -connect-timeout: want a duration with a unit",
		},
		{"no duration at all", "-d soon", "flag -d: want a duration with a unit"},
		{"negative messages", "-messages -1", "-messages -1"},
		{"a negative size", "-size -1", "flag -size"},
		{"a size too small to tell messages apart", "-size 15", "at least 16"},
		{"an unknown transport", "-transport http", `-transport "http": want one of grpc, wire, rest`},
		{"an RPC without a REST route", "-transport rest", "does not carry SearchIO"},
		{"an unknown format", "-format xml", `-format "xml": want one of text, json, md, csv`},
		{"a report's format", "-format html", `-format "html"`},
		{"a REST method without REST", "-http-method GET", "-http-method is for -transport rest"},
		{
			"an unknown interceptor", "-client-interceptors requestid,tracing",
			`unknown "tracing", want some of requestid,metrics,logging`,
		},
		{"an empty interceptor", "-client-interceptors requestid,", `unknown ""`},
		{"an interceptor twice", "-client-interceptors metrics,metrics", `"metrics" named twice`},
		{"a certificate without its key", "-cert c.pem", "-cert and -key"},
		{"a key without its certificate", "-key k.pem", "-cert and -key"},
		{"flags for a target that is not started", "-addr :1 -target -drain=1s", "-target \"-drain=1s\": with -addr"},
		{"a flag that does not exist", "-bogus", "-bogus"},
		{"a flag that does not exist, with a value", "-bogus 1", "-bogus"},
		{"a flag without its value", "-c", "needs an argument: -c"},
		{"an argument that is no flag", "30s", `"30s"`},
		{"a plain -insecure, with the hint", "-insecure", "-tls -insecure-skip-verify"},
		{"two dashes make it no better", "--insecure=true", "plaintext is the default"},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			got := refused(t, append([]string{"-rpc", "SearchIO"}, strings.Fields(tt.args)...)...)
			if len(got) != 1 || !strings.Contains(got[0], tt.says) {
				t.Errorf("%s: %q, want one problem that says %q", tt.args, got, tt.says)
			}
		})
	}
}

// What does not fit the RPC.
func TestRunRefusesForTheRPC(t *testing.T) {
	for _, tt := range []struct{ reason, args, says string }{
		{"no RPC", "-c 1", "-rpc is missing"},
		{"an empty RPC", "-rpc=", "-rpc is missing"},
		{"messages of a unary call", "-rpc Search -messages 2", "-messages 2: Search sends one message"},
		{"even of one that runs to the end", "-rpc Search -messages 0", "-messages 0"},
		{"messages of a server stream", "-rpc SearchOut -messages 2", "-messages 2"},
		{"a rate of messages of a unary call", "-rpc Search -message-rate 5", "-message-rate: Search sends one"},
		{"an interval of a unary call", "-rpc Search -interval 1ms", "-interval 1ms"},
		{"a payload of health", "-rpc Check -size 100", "-size 100"},
		{
			"an unknown REST method", "-rpc Search -transport rest -http-method PATCH",
			"-http-method PATCH: the routes are [GET /api/person/",
		},
		{
			"grpc-go's interceptors over REST", "-rpc Search -transport rest -client-interceptors requestid",
			"-client-interceptors are for -transport grpc",
		},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			got := refused(t, strings.Fields(tt.args)...)
			if len(got) != 1 || !strings.Contains(got[0], tt.says) {
				t.Errorf("%s: %q, want one problem that says %q", tt.args, got, tt.says)
			}
		})
	}
	for _, args := range []string{"-c 1", "-rpc Serach"} {
		got := strings.Join(refused(t, strings.Fields(args)...), "\n")
		for _, known := range []string{
			"Search,", "SearchIn", "SearchOut", "SearchIO", "CreateRepo", "GetUser",
			"GetHelp", "Check", "Watch",
		} {
			if !strings.Contains(got, known) {
				t.Errorf("%s: %q does not name %s", args, got, known)
			}
		}
	}
}

// All that is wrong is named at once, in whichever order it is given.
func TestAllProblemsAtOnce(t *testing.T) {
	bad := []struct{ args, says string }{
		{"-c 0", "-c 0"},
		{"-d 5", "flag -d"},
		{"-bogus 1", "-bogus"},
		{"-rpc Nope", "Nope"},
		{"-transport pigeon", "pigeon"},
		{"-format xml", "xml"},
		{"-H nope", `"nope" for flag -H`},
		{"-messages -2", "-messages -2"},
		{"-insecure", "plaintext is the default"},
		{"-cert c.pem", "-cert and -key"},
		{"-client-interceptors x", `unknown "x"`},
		{"-connect-timeout -1s", "-connect-timeout -1s"},
		{"-n many", "flag -n"},
	}
	for turn := range bad {
		var args []string
		for i := range bad {
			args = append(args, strings.Fields(bad[(i+turn)%len(bad)].args)...)
		}
		got := strings.Join(refused(t, args...), "\n")
		for _, b := range bad {
			if !strings.Contains(got, b.says) {
				t.Errorf("%q: nothing about %q in\n%s", args, b.says, got)
			}
		}
	}
}

// A stream that its own deadline would end has no right end.
func TestStreamsFitTheirDeadline(t *testing.T) {
	for _, tt := range []struct {
		reason, args string
		fits         bool
	}{
		{"well within", "-messages 10 -interval 10ms -timeout 1s", true},
		{"the last message at the deadline", "-messages 11 -interval 100ms -timeout 1s", false},
		{"the last message before it", "-messages 10 -interval 100ms -timeout 1s", true},
		{"long after it", "-messages 100 -interval 1s", false},
		{"no deadline", "-messages 100 -interval 1s -timeout 0s", true},
		{"until the run ends", "-messages 0 -interval 1s", true},
		{"paced to end long after it: 50 workers at 50 messages a second", "-messages 100 -message-rate 50", false},
		{"paced to end within it", "-messages 100 -message-rate 1000", true},
		{"longer than a duration can say", "-messages 10000000000 -interval 1s", false},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			_, err := readRun(append([]string{"-rpc", "SearchIO"}, strings.Fields(tt.args)...), io.Discard)
			if (err == nil) != tt.fits || err != nil && !strings.Contains(err.Error(), "-timeout") {
				t.Errorf("%s: %v, want fits = %v", tt.args, err, tt.fits)
			}
		})
	}
}

func TestUsage(t *testing.T) {
	if err := plan.NewUsageError(); err != nil {
		t.Errorf("no problem is the error %v", err)
	}
	if got, want := plan.NewUsageError(errors.New("a"), errors.New("b")).Error(), "a\nb"; got != want {
		t.Errorf("two problems are %q, want %q", got, want)
	}
}
