package grpcconn_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"grpcbench/loadgen/transport"
	"grpcbench/loadgen/transport/grpcconn"
	"grpcbench/server/testkit"
)

func TestInterceptorsAreBuiltInTheGivenOrder(t *testing.T) {
	for _, names := range [][]string{
		nil,
		{"requestid"},
		{"requestid", "metrics", "logging"},
		{"logging", "metrics", "requestid"},
	} {
		chain, err := grpcconn.Interceptors(names, run, prometheus.NewRegistry(), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Errorf("Interceptors(%q): %v", names, err)
		}
		var got []string
		for _, i := range chain {
			got = append(got, i.Name)
			if i.Unary == nil || i.Stream == nil {
				t.Errorf("interceptor %s is not both unary and stream", i.Name)
			}
		}
		if diff := cmp.Diff(names, got); diff != "" {
			t.Errorf("Interceptors(%q) (-want +got):\n%s", names, diff)
		}
	}
	if _, err := grpcconn.Interceptors([]string{"requestid", "nonsense"}, run, prometheus.NewRegistry(),
		nil); err == nil ||
		!strings.Contains(err.Error(), `"nonsense"`) || !strings.Contains(err.Error(), "requestid,metrics,logging") {
		t.Errorf("an unknown interceptor: %v, want its name and the known ones", err)
	}
}

// Calls pass the chain in its order, outermost first.
func TestCallsPassTheChainInOrder(t *testing.T) {
	var passed []string
	note := func(name string) grpcconn.Interceptor {
		return grpcconn.Interceptor{
			Name: name,
			Unary: func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn,
				invoker grpc.UnaryInvoker, opts ...grpc.CallOption,
			) error {
				passed = append(passed, name)
				return invoker(ctx, method, req, reply, cc, opts...)
			},
			Stream: func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string,
				streamer grpc.Streamer, opts ...grpc.CallOption,
			) (grpc.ClientStream, error) {
				passed = append(passed, name)
				return streamer(ctx, desc, cc, method, opts...)
			},
		}
	}
	addr := serve(t, echo)
	for _, spec := range kinds {
		passed = nil
		one(t, addr, spec, source{}, grpcconn.Options{Interceptors: []grpcconn.Interceptor{
			note("first"),
			note("second"), note("third"),
		}})
		if diff := cmp.Diff([]string{"first", "second", "third"}, passed); diff != "" {
			t.Errorf("%v: passed (-want +got):\n%s", spec.Kind, diff)
		}
	}
}

// reported are what the metrics and logging interceptors say of one call.
type reported struct {
	counts map[string]float64 // by code
	timed  uint64
	lines  []map[string]any
}

func report(t *testing.T, addr string, spec transport.Spec, src source) reported {
	t.Helper()
	reg, log := prometheus.NewRegistry(), &bytes.Buffer{}
	chain, err := grpcconn.Interceptors([]string{"requestid", "metrics", "logging"}, run, reg,
		slog.New(slog.NewJSONHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	one(t, addr, spec, src, grpcconn.Options{Interceptors: chain})
	return read(t, reg, log)
}

func read(t *testing.T, reg *prometheus.Registry, log *bytes.Buffer) reported {
	t.Helper()
	r := reported{counts: map[string]float64{}}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if labels["grpc_method"] != method {
				t.Errorf("%s counts a call of %q", f.GetName(), labels["grpc_method"])
			}
			switch f.GetName() {
			case "grpc_client_handled_total":
				r.counts[labels["grpc_code"]] += m.GetCounter().GetValue()
			case "grpc_client_handling_seconds":
				r.timed += m.GetHistogram().GetSampleCount()
				if sum := m.GetHistogram().GetSampleSum(); sum <= 0 || sum > patience.Seconds() {
					t.Errorf("the calls took %v seconds", sum)
				}
			}
		}
	}
	for line := range strings.Lines(log.String()) {
		var l map[string]any
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("log line %q: %v", line, err)
		}
		r.lines = append(r.lines, l)
	}
	return r
}

// Every call is counted, timed and logged once, whichever way it ends.
func TestMetricsAndLogging(t *testing.T) {
	type row struct {
		reason  string
		spec    transport.Spec
		handler grpc.StreamHandler
		code    codes.Code
	}
	var rows []row
	for _, spec := range kinds {
		rows = append(rows,
			row{fmt.Sprint(spec.Kind), spec, echo, codes.OK},
			row{
				fmt.Sprint("failed ", spec.Kind), spec,
				func(any, grpc.ServerStream) error { return status.Error(codes.NotFound, "no") }, codes.NotFound,
			},
		)
		spec.Timeout = 20 * time.Millisecond
		rows = append(rows, row{fmt.Sprint("late ", spec.Kind), spec, stuck, codes.DeadlineExceeded})
	}
	rows = append(rows, row{
		"limited stream",
		transport.Spec{Kind: transport.ServerStream, Send: 1, Receive: 1, Timeout: patience},
		endless, codes.OK,
	})
	for _, tt := range rows {
		t.Run(strings.ReplaceAll(tt.reason, " ", "_"), func(t *testing.T) {
			got := report(t, serve(t, tt.handler), tt.spec, source{})
			if diff := cmp.Diff(map[string]float64{tt.code.String(): 1}, got.counts); diff != "" || got.timed != 1 {
				t.Errorf("counted, by code (-want +got):\n%stimed: %d, want 1", diff, got.timed)
			}
			if len(got.lines) != 1 {
				t.Fatalf("%d lines logged, want 1: %v", len(got.lines), got.lines)
			}
			line := got.lines[0]
			for key, want := range map[string]any{
				"method": method, "code": tt.code.String(),
				"request_id": "0badcafe-0003-000000000007",
			} {
				if line[key] != want {
					t.Errorf("logged %s %v, want %v", key, line[key], want)
				}
			}
			if ns, ok := line["latency"].(float64); !ok || ns <= 0 || ns > float64(patience) {
				t.Errorf("logged latency %v", line["latency"])
			}
		})
	}
}

// What Connect asks a connection for its failure is no call of the run.
func TestProbesAreNoCalls(t *testing.T) {
	reg, log := prometheus.NewRegistry(), &bytes.Buffer{}
	chain, err := grpcconn.Interceptors(slices.Clone(grpcconn.Names), run, reg, slog.New(slog.NewJSONHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := grpcconn.Connect(testkit.Context(t), refused(t),
		grpcconn.Options{Timeout: patience, Interceptors: chain}); err == nil {
		t.Fatal("connected to an address that refuses")
	}
	if got := read(t, reg, log); len(got.counts) > 0 || len(got.lines) > 0 {
		t.Errorf("counted %v, logged %v", got.counts, got.lines)
	}
}
