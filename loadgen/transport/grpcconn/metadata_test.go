package grpcconn_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"grpcbench/loadgen/transport"
	"grpcbench/loadgen/transport/grpcconn"
)

// kinds are a Spec of each kind, for the echo server.
var kinds = []transport.Spec{
	{Kind: transport.Unary, Send: 1, Timeout: patience},
	{Kind: transport.ClientStream, Send: 1, Timeout: patience},
	{Kind: transport.ServerStream, Send: 1, Timeout: patience},
	{Kind: transport.Bidi, Send: 2, Timeout: patience},
}

const run = 0x0badcafe

func options(t *testing.T, names ...string) grpcconn.Options {
	t.Helper()
	chain, err := grpcconn.Interceptors(names, run, prometheus.NewRegistry(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return grpcconn.Options{Interceptors: chain}
}

// The request id is what other people's log searches and this tool's own tags go by.
func TestRequestIDArrives(t *testing.T) {
	var got []string
	addr := serve(t, func(_ any, s grpc.ServerStream) error {
		got = metadata.ValueFromIncomingContext(s.Context(), "request-id")
		return echo(nil, s)
	})
	for _, spec := range kinds {
		one(t, addr, spec, source{}, options(t, "requestid"))
		if diff := cmp.Diff([]string{"0badcafe-0003-000000000007"}, got); diff != "" {
			t.Errorf("%v: request-id (-want +got):\n%s", spec.Kind, diff)
		}
		one(t, addr, spec, source{}, grpcconn.Options{})
		if got != nil {
			t.Errorf("%v: request-id %q without the interceptor", spec.Kind, got)
		}
	}
}

// Each call of a worker has an id of its own, though one context serves them all.
func TestRequestIDsOfManyCalls(t *testing.T) {
	ids := make(chan string, 100)
	addr := serve(t, func(_ any, s grpc.ServerStream) error {
		ids <- strings.Join(metadata.ValueFromIncomingContext(s.Context(), "request-id"), "+")
		return echo(nil, s)
	})
	const workers, each = 4, 5
	for _, spec := range kinds {
		l := newLedger()
		conn := dial(t, addr, spec, source{}, options(t, "requestid"))
		l.next = func(c *transport.Call) {
			c.Seq += workers
			if c.Seq < workers*each {
				seq := c.Seq
				c.Reset()
				c.Seq = seq
				if err := conn.Start(c); err != nil {
					t.Errorf("Start: %v", err)
				}
			}
		}
		var want, got []string
		for w := range workers {
			for i := range each {
				want = append(want, fmt.Sprintf("0badcafe-%04x-%012x", w, w+i*workers))
			}
			begin(t, conn, &transport.Call{Worker: uint16(w), Seq: uint64(w), Owner: l})
		}
		l.wait(t, workers*each)
		for range want {
			got = append(got, <-ids)
		}
		slices.Sort(got)
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%v: ids (-want +got):\n%s", spec.Kind, diff)
		}
	}
}

func TestMetadataArrives(t *testing.T) {
	var got metadata.MD
	addr := serve(t, func(_ any, s grpc.ServerStream) error {
		got, _ = metadata.FromIncomingContext(s.Context())
		return echo(nil, s)
	})
	for _, spec := range kinds {
		spec.Metadata = []string{"x-one", "1", "x-two", "2", "x-one", "again", "x-raw-bin", "\x00\xff"}
		one(t, addr, spec, source{}, options(t, "requestid"))
		for key, want := range map[string][]string{
			"x-one": {"1", "again"}, "x-two": {"2"}, "x-raw-bin": {"\x00\xff"},
			"request-id": {"0badcafe-0003-000000000007"},
		} {
			if diff := cmp.Diff(want, got[key]); diff != "" {
				t.Errorf("%v: %s (-want +got):\n%s", spec.Kind, key, diff)
			}
		}
	}
}

// The target's own handling time travels in a trailer, for failed calls too.
func TestLoadReport(t *testing.T) {
	const want = "\x00\x01\xffreport"
	for _, end := range []error{nil, status.Error(codes.Aborted, "no")} {
		addr := serve(t, func(_ any, s grpc.ServerStream) error {
			m, err := receive(s)
			if err != nil {
				return err
			}
			if m == text(7, 0) { // the second call has no report
				s.SetTrailer(metadata.Pairs("endpoint-load-metrics-bin", want, "other-bin", "other"))
			}
			if end != nil {
				return end
			}
			if err := answer(s, m); err != nil {
				return err
			}
			return echo(nil, s)
		})
		for _, spec := range kinds {
			l := newLedger()
			conn := dial(t, addr, spec, source{}, grpcconn.Options{})
			l.next = func(c *transport.Call) {
				if c.Seq == 7 {
					c.Reset()
					c.Seq = 8
					if err := conn.Start(c); err != nil {
						t.Errorf("Start: %v", err)
					}
				}
			}
			begin(t, conn, &transport.Call{Seq: 7, Owner: l})
			l.wait(t, 2)
			calls := l.ends()
			if calls[0].Code != status.Code(end) || loadReport(calls[0]) != want {
				t.Errorf("%v: the call ended %v %q with the report %q, want %q", spec.Kind, calls[0].Code,
					calls[0].Message, loadReport(calls[0]), want)
			}
			if calls[1].LoadReport != nil {
				t.Errorf("%v: the next call inherited the report %q", spec.Kind, loadReport(calls[1]))
			}
		}
	}
}
