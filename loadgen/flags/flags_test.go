package flags_test

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"grpcbench/loadgen/plan"
)

// defaults are those of the design, for a bidi RPC.
func defaults() plan.Plan {
	return plan.Plan{
		RPC: "SearchIO", Transport: "grpc",
		Workers: 50, Conns: 1, D: 10 * time.Second, Warmup: time.Second, Drain: 5 * time.Second,
		Timeout: 20 * time.Second, ConnectTimeout: 10 * time.Second, Messages: 100, MaxMessage: 4 << 20,
		Arrival: "uniform", Seed: 1,
		ClientInterceptors: []string{"requestid"}, Format: "text",
	}
}

// TestRun: what each flag, in each of its forms, makes of the defaults, and that it touches nothing else.
func TestRun(t *testing.T) {
	for _, tt := range []struct {
		reason string
		args   []string
		set    func(*plan.Plan)
	}{
		{"the defaults", nil, func(*plan.Plan) {}},
		{"workers", []string{"-c", "8"}, func(p *plan.Plan) { p.Workers = 8 }},
		{"workers, long form", []string{"-concurrency", "8"}, func(p *plan.Plan) { p.Workers = 8 }},
		{"two dashes", []string{"--c", "8"}, func(p *plan.Plan) { p.Workers = 8 }},
		{"two dashes and =", []string{"--concurrency=8"}, func(p *plan.Plan) { p.Workers = 8 }},
		{"one dash and =", []string{"-c=8"}, func(p *plan.Plan) { p.Workers = 8 }},
		{
			"the last of two forms counts",
			[]string{"-c", "8", "-concurrency", "9"},
			func(p *plan.Plan) { p.Workers = 9 },
		},
		{"as many workers as ids can tell apart", []string{"-c", "65536"}, func(p *plan.Plan) { p.Workers = 65536 }},
		{"connections", []string{"-conns", "50"}, func(p *plan.Plan) { p.Conns = 50 }},
		{"duration", []string{"-d", "1m30s"}, func(p *plan.Plan) { p.D = 90 * time.Second }},
		{"duration, long form", []string{"-duration", "500ms"}, func(p *plan.Plan) { p.D = 500 * time.Millisecond }},
		{"-n without -d has no duration", []string{"-n", "100"}, func(p *plan.Plan) { p.Total, p.D = 100, 0 }},
		{"-total without -d has no duration", []string{"--total", "100"}, func(p *plan.Plan) { p.Total, p.D = 100, 0 }},
		{
			"-n with -d has both",
			[]string{"-n", "100", "-d", "3s"},
			func(p *plan.Plan) { p.Total, p.D = 100, 3*time.Second },
		},
		{
			"-n with -duration has both",
			[]string{"-duration", "3s", "-n", "100"},
			func(p *plan.Plan) { p.Total, p.D = 100, 3*time.Second },
		},
		{"-n with the default -d, given", []string{"-n", "100", "-d", "10s"}, func(p *plan.Plan) { p.Total = 100 }},
		{"-n with -d 0s", []string{"-n", "100", "-d", "0s"}, func(p *plan.Plan) { p.Total, p.D = 100, 0 }},
		{"a rate makes an open loop", []string{"-rate", "1000"}, func(p *plan.Plan) { p.Rate = 1000 }},
		{"a part of a call per second", []string{"-rate=0.5"}, func(p *plan.Plan) { p.Rate = 0.5 }},
		{
			"random arrivals",
			[]string{"-rate", "10", "-arrival", "poisson", "-seed", "7"},
			func(p *plan.Plan) { p.Rate, p.Arrival, p.Seed = 10, "poisson", 7 },
		},
		{
			"stages set the duration",
			[]string{"-stages", "10s:100,30s:100..1000"},
			func(p *plan.Plan) { p.Stages, p.D = "10s:100,30s:100..1000", 40*time.Second },
		},
		{
			"their own duration may be given",
			[]string{"-stages", "3s:1", "-d", "3s"},
			func(p *plan.Plan) { p.Stages, p.D = "3s:1", 3*time.Second },
		},
		{
			"stages with a total",
			[]string{"-stages", "3s:100", "-n", "5"},
			func(p *plan.Plan) { p.Stages, p.D, p.Total = "3s:100", 3*time.Second, 5 },
		},
		{
			"a rate with a total alone",
			[]string{"-rate", "100", "-n", "5"},
			func(p *plan.Plan) { p.Rate, p.D, p.Total = 100, 0, 5 },
		},
		{"a precise wait", []string{"-rate", "10", "-spin"}, func(p *plan.Plan) { p.Rate, p.Spin = 10, true }},
		{"a rate of messages", []string{"-message-rate", "500"}, func(p *plan.Plan) { p.MessageRate = 500 }},
		{"objectives", []string{"-slo", "p99<10ms,errors<0.1%"}, func(p *plan.Plan) { p.SLO = "p99<10ms,errors<0.1%" }},
		{"no warm-up", []string{"-warmup", "0s"}, func(p *plan.Plan) { p.Warmup = 0 }},
		{"no drain", []string{"-drain", "0"}, func(p *plan.Plan) { p.Drain = 0 }},
		{"a deadline", []string{"-timeout", "300ms"}, func(p *plan.Plan) { p.Timeout = 300 * time.Millisecond }},
		{"no deadline", []string{"-timeout", "0s"}, func(p *plan.Plan) { p.Timeout = 0 }},
		{"connecting", []string{"-connect-timeout", "1s"}, func(p *plan.Plan) { p.ConnectTimeout = time.Second }},
		{"messages of a stream", []string{"-messages", "7"}, func(p *plan.Plan) { p.Messages = 7 }},
		{
			"a stream until the run ends has no deadline",
			[]string{"-messages", "0"},
			func(p *plan.Plan) { p.Messages, p.Timeout, p.Warmup = 0, 0, 0 },
		},
		{
			"unless one is given",
			[]string{"-messages", "0", "-timeout", "20s"},
			func(p *plan.Plan) { p.Messages, p.Warmup = 0, 0 },
		},
		{"messages apart", []string{"-interval", "5ms"}, func(p *plan.Plan) { p.Interval = 5 * time.Millisecond }},
		{"payload", []string{"-size", "1024"}, func(p *plan.Plan) { p.Size = 1024 }},
		{"payload with a unit", []string{"-size", "4KiB"}, func(p *plan.Plan) { p.Size = 4096 }},
		{"histograms per worker", []string{"-per-worker"}, func(p *plan.Plan) { p.PerWorker = true }},
		{
			"an address",
			[]string{"-addr", "unix:/tmp/x"},
			func(p *plan.Plan) { p.Addr, p.Messages = "unix:/tmp/x", plan.ByData },
		},
		{"TLS", []string{"-tls"}, func(p *plan.Plan) { p.TLS.On = true }},
		{
			"a CA is about TLS",
			[]string{"-cacert", "ca.pem"},
			func(p *plan.Plan) { p.TLS = plan.TLS{On: true, CA: "ca.pem"} },
		},
		{
			"so is a certificate",
			[]string{"-cert", "c.pem", "-key", "k.pem"},
			func(p *plan.Plan) { p.TLS = plan.TLS{On: true, Cert: "c.pem", Key: "k.pem"} },
		},
		{
			"so is not to verify one",
			[]string{"-insecure-skip-verify"},
			func(p *plan.Plan) { p.TLS = plan.TLS{On: true, SkipVerify: true} },
		},
		{
			"an authority alone is not",
			[]string{"-authority", "a.example"},
			func(p *plan.Plan) { p.Authority = "a.example" },
		},
		{"the target's flags", []string{"-target", "-interceptors=none  -inject=delay=5ms"}, func(p *plan.Plan) {
			p.Target = []string{"-interceptors=none", "-inject=delay=5ms"}
		}},
		{
			"client interceptors, in their order",
			[]string{"-client-interceptors", "metrics,requestid"},
			func(p *plan.Plan) {
				p.ClientInterceptors = []string{"metrics", "requestid"}
			},
		},
		{
			"no client interceptors",
			[]string{"-client-interceptors", "none"},
			func(p *plan.Plan) { p.ClientInterceptors = nil },
		},
		{"a folder", []string{"-o", "/tmp/r"}, func(p *plan.Plan) { p.Out = "/tmp/r" }},
		{"a label", []string{"-name", "before"}, func(p *plan.Plan) { p.Name = "before" }},
		{"a format", []string{"-format", "md"}, func(p *plan.Plan) { p.Format = "md" }},
		{"quiet", []string{"-q"}, func(p *plan.Plan) { p.Quiet, p.Format = true, plan.Silent }},
		{"quiet but for the result", []string{"-q", "-format", "text"}, func(p *plan.Plan) { p.Quiet = true }},
	} {
		got, err := readRun(append([]string{"-rpc", "SearchIO"}, tt.args...), io.Discard)
		if err != nil {
			t.Errorf("%s: %v: %v", tt.reason, tt.args, err)
			continue
		}
		want := defaults()
		tt.set(&want)
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(plan.Plan{}, "Command")); diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", tt.reason, tt.args, diff)
		}
	}
}

// What depends on the RPC and the transport.
func TestRunResolves(t *testing.T) {
	for _, tt := range []struct {
		reason string
		args   string
		set    func(*plan.Plan)
	}{
		{"an RPC in any case has its own name", "-rpc searchio", func(*plan.Plan) {}},
		{"so has one by its service", "-rpc person.SearchService/SearchIO", func(*plan.Plan) {}},
		{"a unary call sends one message", "-rpc GetUser", func(p *plan.Plan) { p.RPC, p.Messages = "GetUser", 1 }},
		{"so does a server stream", "-rpc SearchOut", func(p *plan.Plan) { p.RPC, p.Messages = "SearchOut", 1 }},
		{"a client stream has the default", "-rpc CreateRepo", func(p *plan.Plan) { p.RPC = "CreateRepo" }},
		{"REST is a GET and has no grpc-go interceptors", "-rpc Search -transport rest", func(p *plan.Plan) {
			p.RPC, p.Messages, p.Transport, p.HTTPMethod, p.ClientInterceptors = "Search", 1, "rest", "GET", nil
		}},
		{"a method in lower case", "-rpc Search -transport rest -http-method post", func(p *plan.Plan) {
			p.RPC, p.Messages, p.Transport, p.HTTPMethod, p.ClientInterceptors = "Search", 1, "rest", "POST", nil
		}},
	} {
		got, err := readRun(strings.Fields(tt.args), io.Discard)
		if err != nil {
			t.Errorf("%s: %v", tt.reason, err)
			continue
		}
		want := defaults()
		tt.set(&want)
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(plan.Plan{}, "Command")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.reason, diff)
		}
	}
}

// -H may be given again and again; the order stays.
func TestMetadata(t *testing.T) {
	got, err := readRun([]string{
		"-rpc", "Search", "-H", "k: v", "-H", "K2 :  a: b ", "-H", "x-bin:\x01\xff", "-H", "k:", "-H", "a.b_c-9: x",
	}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"k", "v", "k2", "a: b", "x-bin", "\x01\xff", "k", "", "a.b_c-9", "x"}
	told := []string{"k", "v", "k2", "a: b", "x-bin", "$X_BIN", "k", "", "a.b_c-9", "x"}
	if diff := cmp.Diff(told, got.MetadataTold); diff != "" {
		t.Errorf("what is told of it (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, got.Metadata); diff != "" {
		t.Errorf("metadata (-want +got):\n%s", diff)
	}
}

func TestMetadataRefused(t *testing.T) {
	for _, tt := range []struct{ reason, header, says string }{
		{"no colon", "key value", "key: value"},
		{"no key", " : value", "key: value"},
		{"nothing", "", "key: value"},
		{"gRPC's own", "grpc-timeout: 1S", `grpc-timeout`},
		{"gRPC's own, in capitals", "GRPC-Encoding: gzip", `grpc-encoding`},
		{"a space within the key", "a key: v", `"a key"`},
		{"a letter no header may have", "ключ: v", `"ключ"`},
		{"a pseudo-header", ":authority: x", "HTTP/2's own"},
		{"what the transport sets", "Content-Type: x", `"content-type" belongs to HTTP`},
		{"what the transport sets, of a connection", "connection: close", `"connection" belongs to HTTP`},
		{"the host", "host: x", `"host" belongs to HTTP`},
		{"a file that is not there", "x: @no/such/file", "no/such/file"},
		{"a variable that is not there", "x: $NO_SUCH_VARIABLE", "NO_SUCH_VARIABLE"},
		{"no base64", "x-bin: base64:!", "base64"},
		{"each call has its own", "request-id: 1", "request-id"},
		{"each call has its own, in capitals", "Request-Id: 1", "request-id"},
		{"a value that gRPC takes from no text header", "key: Grüße", "key"},
		{"a line break in the value", "key: a\nb", "key"},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			p, err := readRun([]string{"-rpc", "Search", "-H", tt.header}, io.Discard)
			if err == nil {
				t.Fatalf("%q became %q, want an error", tt.header, p.Metadata)
			}
			if !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), "-H") {
				t.Errorf("%q: %q, want an error about -H that says %s", tt.header, err, tt.says)
			}
		})
	}
}

func TestHelp(t *testing.T) {
	for _, args := range []string{"-h", "--help", "-c 3 -h", "-c wrong -bogus -h"} {
		var usage bytes.Buffer
		if _, err := readRun(strings.Fields(args), &usage); !errors.Is(err, flag.ErrHelp) {
			t.Errorf("%s: %v, want flag.ErrHelp", args, err)
		}
		for _, want := range []string{
			"usage: loadgen", "-concurrency", "(default 50)", "-d ", "-duration",
			"-connect-timeout", "-H 'key: value'", "grpc|wire|rest",
		} {
			if !strings.Contains(usage.String(), want) {
				t.Errorf("%s: the usage does not show %q", args, want)
			}
		}
		if strings.Contains(usage.String(), "-insecure ") {
			t.Errorf("%s: the usage offers -insecure, which is refused", args)
		}
	}
	if _, err := readRun([]string{"-rpc", "Search"}, failingWriter{t}); err != nil {
		t.Error(err)
	}
}

// failingWriter takes nothing: the usage is for those who ask.
type failingWriter struct{ t *testing.T }

func (w failingWriter) Write(p []byte) (int, error) {
	w.t.Errorf("wrote %q", p)
	return len(p), nil
}
