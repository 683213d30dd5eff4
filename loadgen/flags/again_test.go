package flags_test

import (
	"bytes"
	"encoding/json"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/result"
	"grpcbench/loadgen/run"
	"grpcbench/loadgen/scenario"
)

// sameRun compares plans but for where the result goes, and which part of it this process made.
var sameRun = cmp.Options{cmpopts.IgnoreFields(plan.Plan{}, "Force", "Shard", "Metadata", "Command", "Out", "Format",
	"Quiet"), cmpopts.EquateEmpty()}

// kept is a plan as result.json holds it, which is where reports find it.
func kept(t *testing.T, p plan.Plan) (q plan.Plan) {
	t.Helper()
	data, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &q); err != nil {
		t.Fatal(err)
	}
	return q
}

// againLines are command lines that hold each flag at least once.
var againLines = []struct {
	reason string
	args   []string
}{
	{"the defaults", []string{"-rpc", "Search"}},
	{
		"somebody's service, by reflection",
		[]string{"-rpc", "pkg.S/M", "-addr", "a:1", "-reflect-addr", "b:1", "-data", `{"a":"it's"}`},
	},
	{
		"somebody's service, by files",
		[]string{
			"-rpc", "M", "-addr", "a:1", "-proto", "a.proto", "-proto", "b.proto", "-I", "x", "-I", "p=y",
			"-protoset", "s.binpb", "-data", "@again_test.go",
		},
	},
	{"a stream of theirs", []string{
		"-rpc", "M", "-addr", "a:1", "-stream", "half", "-receive", "3", "-receive-for",
		"2s", "-messages", "7",
	}},
	{
		"data of feeds, and what is expected",
		[]string{
			"-rpc", "M", "-addr", "a:1", "-data", "{\"a\":\"${row.b}\"}", "-feed", "x.csv,shuffle", "-feed",
			"users=y.jsonl", "-expect", "{\"a\":\"${users.c}\"}", "-H", "t: ${row.b}", "-H", "u: $${x}",
		},
	},
	{"a scenario file", []string{"-f", "testdata/shop.yaml", "-rate", "5", "-addr", "b:1", "-feed", "users=z.csv"}},
	{"a call that is to fail", []string{"-rpc", "M", "-addr", "a:1", "-expect-code", "not_found"}},
	{"a feed that is gone through once", []string{"-rpc", "M", "-addr", "a:1", "-feed", "x.csv,once"}},
	{"a route by its number", []string{"-rpc", "Search", "-transport", "rest", "-http-rule", "3"}},
	{"the defaults of a stream", []string{"-rpc", "SearchIO"}},
	{"the defaults of a stream of answers", []string{"-rpc", "SearchOut"}},
	{"an RPC's full name", []string{"-rpc", "person.SearchService/SearchIn"}},
	{"an RPC in small letters", []string{"-rpc", "createrepo"}},
	{"defaults, given", []string{
		"-rpc", "SearchIO", "-c", "50", "-conns", "1", "-d", "10s", "-n", "0", "-warmup",
		"1s", "-drain", "5s", "-timeout", "20s", "-messages", "100", "-size", "0", "-rate", "0", "-stages", "",
	}},
	{"short forms", []string{"-rpc", "Search", "-c", "8", "-conns", "2", "-d", "3s", "-n", "100"}},
	{"long forms", []string{"-rpc", "Search", "-concurrency", "8", "-duration", "1m30s", "-total", "100"}},
	{"-n alone", []string{"-rpc", "Search", "-n", "100"}},
	{"-n with no duration", []string{"-rpc", "Search", "-n", "100", "-d", "0s"}},
	{"a target of somebody else", []string{
		"-rpc", "Search", "-addr", "dns:///bench.example:50051", "-authority",
		"a.example", "-connect-timeout", "1s", "-timeout", "0s",
	}},
	{"a socket with a space in its name", []string{"-rpc", "Search", "-addr", "unix:/tmp/a b"}},
	{"wire", []string{"-rpc", "Search", "-transport", "wire"}},
	{"wire, no interceptors given", []string{"-rpc", "Search", "-transport", "wire", "-client-interceptors", "none"}},
	{"rest", []string{"-rpc", "Search", "-transport", "rest"}},
	{"rest, GET given", []string{"-rpc", "Search", "-transport", "rest", "-http-method", "get"}},
	{"rest, POST", []string{"-rpc", "Search", "-transport", "rest", "-http-method", "post"}},
	{"a rate", []string{"-rpc", "Search", "-rate", "0.5"}},
	{"a rate that Go writes with an exponent", []string{"-rpc", "Search", "-rate", "1000000", "-n", "5"}},
	{"random arrivals", []string{
		"-rpc", "Search", "-rate", "1e3", "-arrival", "poisson", "-seed",
		"18446744073709551615", "-spin",
	}},
	{"stages", []string{"-rpc", "Search", "-stages", "10s:100,30s:100..1000"}},
	{"stages with their length given", []string{"-rpc", "Search", "-stages", "3s:1", "-d", "3s"}},
	{"stages as long as the default duration", []string{"-rpc", "Search", "-stages", "10s:1"}},
	{"stages with a total", []string{"-rpc", "Search", "-stages", "3s:100", "-n", "5", "-arrival", "poisson"}},
	{"neither warm-up nor drain", []string{"-rpc", "Search", "-warmup", "0s", "-drain", "0"}},
	{"messages apart", []string{"-rpc", "SearchIO", "-messages", "7", "-interval", "5ms", "-size", "1024"}},
	{"a rate of messages", []string{"-rpc", "SearchIO", "-message-rate", "512.25", "-timeout", "1m"}},
	{"one message a stream", []string{"-rpc", "SearchIO", "-messages", "1"}},
	{"streams until the end", []string{"-rpc", "SearchIO", "-messages", "0"}},
	{
		"streams until the end, with a deadline",
		[]string{"-rpc", "SearchIO", "-messages", "0", "-timeout", "30s", "-warmup", "0s"},
	},
	{"metadata, in its order", []string{
		"-rpc", "Search", "-H", "k: v", "-H", "K2 :  a: b ", "-H", "k:", "-H",
		"q: it's \"$HOME\" `x` \\ !",
	}},
	{"interceptors in their order", []string{"-rpc", "Search", "-client-interceptors", "metrics,requestid,logging"}},
	{"no interceptors", []string{"-rpc", "Search", "-client-interceptors", "none"}},
	{"TLS", []string{"-rpc", "Search", "-tls"}},
	{"TLS by its CA", []string{"-rpc", "Search", "-cacert", "my ca.pem"}},
	{"TLS with a certificate", []string{"-rpc", "Search", "-cert", "c.pem", "-key", "k.pem"}},
	{"TLS without verifying", []string{"-rpc", "Search", "-insecure-skip-verify"}},
	{"flags of the target", []string{
		"-rpc", "Search", "-target",
		"-interceptors=none  -inject=delay=5ms,error=0.1:NOT_FOUND -drain 1s",
	}},
	{"no flags of the target", []string{"-rpc", "Search", "-target", " "}},
	{"a histogram per worker", []string{"-rpc", "Search", "-per-worker"}},
	{"a bool that is turned off", []string{"-rpc", "Search", "-per-worker=false", "-tls=false"}},
	{"large messages", []string{"-rpc", "Search", "-max-message", "8MiB", "-gzip"}},
	{"a server that is asked whether it is there", []string{"-rpc", "Search", "-keepalive", "30s"}},
	{"a service config", []string{"-rpc", "Search", "-service-config", `{"loadBalancingConfig":[{"round_robin":{}}]}`}},
	{
		"a target whose flags have blanks",
		[]string{"-rpc", "Search", "-target", `-inject='error=1:NOT_FOUND' -drain "1s"`},
	},
	{"figures and traces", []string{
		"-rpc", "Search", "-metrics", ":9095", "-otlp", "[::1]:4317", "-trace-ratio",
		"0.00001",
	}},
	{"traces of the default share", []string{"-rpc", "Search", "-otlp", "localhost:4317"}},
	{"traces of none", []string{"-rpc", "Search", "-otlp", "localhost:4317", "-trace-ratio", "0"}},
	{"no traces, which is said", []string{"-rpc", "Search", "-trace-ratio", "0"}},
	{"objectives", []string{"-rpc", "Search", "-slo", "p99<10ms, p99.9(service)<50ms,errors<0.1%"}},
	{
		"a label with all that shells mind",
		[]string{"-rpc", "Search", "-name", "it's a 'b' \"c\" $(d) `e` *\\ ~;&|<>!#\tü"},
	},
	{"a label like a flag", []string{"-rpc", "Search", "-name", "-c"}},
	{"a label of two lines", []string{"-rpc", "Search", "-name", "a\nb\n"}},
	{"a limit that ends it", []string{"-rpc", "Search", "-abort-on", "errors>20%,p99>5s"}},
	{"one process of several", []string{
		"-rpc", "Search", "-addr", "a:1", "-shard", "1/4", "-run", "r", "-meet", "b:1",
		"-meet-token", "a secret of some length", "-meet-timeout", "1m",
	}},
	{
		"one process of several, in plaintext",
		[]string{"-rpc", "Search", "-addr", "a:1", "-shard", "1/4", "-run", "r", "-meet", "b:1", "-meet-plaintext"},
	},
	{"where the result goes", []string{"-rpc", "Search", "-o", "/tmp/r", "-format", "md", "-q", "-force"}},
}

// again reads the command line that the plan is made again by.
func again(t *testing.T, p plan.Plan) plan.Plan {
	t.Helper()
	args := p.Command
	if args[0] != "loadgen" {
		t.Fatalf("%q is no command line of loadgen", args)
	}
	got, err := readRun(args[1:], io.Discard)
	if err != nil {
		t.Fatalf("%q: %v", args, err)
	}
	return got
}

// What a run's command line is written as makes the same run, from the plan itself and from the one that its result
// holds.
func TestAgain(t *testing.T) {
	for _, tt := range againLines {
		t.Run(tt.reason, func(t *testing.T) {
			p, err := readRun(tt.args, io.Discard)
			if err != nil {
				t.Fatal(err)
			}
			for _, q := range []plan.Plan{p, kept(t, p)} {
				got := again(t, q)
				if diff := cmp.Diff(p, got, sameRun); diff != "" {
					t.Errorf("%q, made again by %q (-want +got):\n%s", tt.args, q.Command, diff)
				}
				if got.Out != "" || got.Quiet || got.Format != "text" {
					t.Errorf("%q says where the result goes", q.Command)
				}
			}
		})
	}
}

// What is as it would be anyway is left out.
func TestAgainIsShort(t *testing.T) {
	for args, want := range map[string]string{
		"-rpc Search": "loadgen -rpc Search",
		"-rpc person.SearchService/Search -concurrency 50 -o x -q": "loadgen -rpc person.SearchService/Search",
		"-rpc Search -total 100 -concurrency 8":                    "loadgen -rpc Search -c 8 -n 100",
		"-rpc Search -stages 10s:100":                              "loadgen -rpc Search -stages 10s:100",
		"-rpc Search -client-interceptors none":                    "loadgen -rpc Search -client-interceptors none",
		"-rpc Search -transport rest":                              "loadgen -rpc Search -transport rest",
	} {
		p, err := readRun(strings.Fields(args), io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		if got := plan.QuoteArgs(p.Command); got != want {
			t.Errorf("%s is made again by %s, want %s", args, got, want)
		}
	}
}

// The table above leaves out no flag.
func TestAgainOfEveryFlag(t *testing.T) {
	var usage bytes.Buffer
	readRun([]string{"-h"}, &usage) //nolint:errcheck // flag.ErrHelp
	var given []string
	for _, tt := range againLines {
		for _, a := range tt.args {
			given = append(given, strings.Split(a, "=")[0])
		}
	}
	flags := regexp.MustCompile(`(?m)^  (-\S+) `).FindAllStringSubmatch(usage.String(), -1)
	if len(flags) < 40 {
		t.Fatalf("%d flags in the usage:\n%s", len(flags), &usage)
	}
	for _, m := range flags {
		if !slices.Contains(given, m[1]) {
			t.Errorf("no command line with %s", m[1])
		}
	}
}

// With -n the default duration is one only where it is given.
func TestAgainOfTotalWithTheDefaultDuration(t *testing.T) {
	p, err := readRun([]string{"-rpc", "Search", "-n", "100", "-d", "10s"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(p, again(t, p), sameRun); diff != "" {
		t.Errorf("made again by %q (-want +got):\n%s", p.Command, diff)
	}
}

// With -messages 0 the default deadline is one only where it is given.
func TestAgainOfEndlessStreamsWithTheDefaultDeadline(t *testing.T) {
	p, err := readRun([]string{"-rpc", "SearchIO", "-messages", "0", "-timeout", "20s"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(p, again(t, p), sameRun); diff != "" {
		t.Errorf("made again by %q (-want +got):\n%s", p.Command, diff)
	}
}

// Bytes that are no text are metadata of a -bin key, and are so again.
func TestAgainOfBytes(t *testing.T) {
	t.Setenv("X_BIN", "\x01\xff")
	p, err := readRun([]string{"-rpc", "Search", "-H", "x-bin:\x01\xff"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(p, again(t, p), sameRun); diff != "" {
		t.Errorf("made again by %q (-want +got):\n%s", p.Command, diff)
	}
}

// A text that happens to read true is no flag that takes no value.
func TestAgainOfALabelTrue(t *testing.T) {
	for _, args := range [][]string{
		{"-rpc", "Search", "-name", "true"},
		{"-rpc", "Search", "-name", "true", "-slo", "p99<1s"},
		{"-rpc", "Search", "-authority", "true"},
	} {
		p, err := readRun(args, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		got, err := readRun(p.Command[1:], io.Discard)
		if err != nil {
			t.Errorf("%q, made again by %q: %v", args, p.Command, err)
		} else if diff := cmp.Diff(p, got, sameRun); diff != "" {
			t.Errorf("%q, made again by %q (-want +got):\n%s", args, p.Command, diff)
		}
	}
}

// Runs repeat each other where they make the same load, to whomever, however long and whatever becomes of it.
func TestLoad(t *testing.T) {
	load := func(line string) string {
		p, err := readRun(strings.Fields(line), io.Discard)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		def, err := scenario.Find(p.RPC)
		if err != nil {
			t.Fatal(err)
		}
		p.Messages = def.Resolve(run.CallOptions(p)).Messages
		d := result.Document{Plan: p, Kind: def.Kind.String()}
		if q := (&result.Document{Plan: kept(t, p), Kind: d.Kind}); q.Load() != d.Load() {
			t.Errorf("%s: the load is %q, read back %q", line, d.Load(), q.Load())
		}
		return d.Load()
	}
	for _, tt := range []struct{ reason, rest string }{
		{"how long", "-d 3s"},
		{"how many", "-n 5"},
		{"both", "-n 5 -d 10s"},
		{"a label", "-name x"},
		{"a folder", "-o x -q"},
		{"objectives", "-slo p99<1s"},
		{"another server", "-addr localhost:1"},
		{"another way there", "-tls"},
		{"another target", "-target -interceptors=none"},
		{"the default, given", "-c 50"},
		{"the default, by its long form", "-concurrency 50"},
		{"more histograms", "-per-worker"},
		{"no warm-up", "-warmup 0s"},
		{"figures elsewhere", "-metrics :9095"},
	} {
		for _, rpc := range []string{
			"Search", "SearchIO -messages 7 -c 8", "Search -rate 100",
			"Search -transport rest", "Search -client-interceptors none",
		} {
			if strings.Contains(rpc, "-c ") && strings.HasPrefix(tt.rest, "-c") {
				continue
			}
			base := "-rpc " + rpc
			if got, want := load(base+" "+tt.rest), load(base); got != want {
				t.Errorf("%s: %s and %s: %q is not %q", tt.reason, base, tt.rest, got, want)
			}
		}
	}
	if a, b := load("-rpc Search -rate 100 -arrival poisson -seed 1"),
		load("-rpc Search -rate 100 -arrival poisson -seed 2"); a != b {
		t.Errorf("another seed: %q is not %q", a, b)
	}
	of := map[string]string{}
	for _, line := range []string{
		"Search", "GetUser", "SearchIO", "Search -transport wire", "Search -transport rest",
		"Search -transport rest -http-method POST", "Search -c 8",
		"Search -c 8 -conns 2", "Search -rate 100", "Search -rate 200", "Search -rate 100 -arrival poisson",
		"Search -stages 3s:100", "Search -stages 3s:200",
		"SearchIO -messages 7", "SearchIO -messages 0", "SearchIO -messages 7 -interval 1ms",
		"SearchIO -messages 7 -message-rate 1000", "SearchIO -size 100",
		"Search -client-interceptors none", "Search -client-interceptors metrics,requestid",
	} {
		l := load("-rpc " + line)
		if other, ok := of[l]; ok {
			t.Errorf("%s and %s are both %q", other, line, l)
		}
		of[l] = line
	}
	if got, want := load("-rpc Search -transport wire -c 8 -d 3s"), "Search -c 8 -transport wire"; got != want {
		t.Errorf("the load is %q, want %q", got, want)
	}
}
