package interceptor

import (
	"context"
	"slices"
	"testing"
	"time"

	orcapb "github.com/cncf/xds/go/xds/data/orca/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/orca"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"grpcbench/pb/person"
	"grpcbench/server/contract"
	"grpcbench/server/testkit"
)

// serverTime decodes the trailer that ends a call.
func serverTime(t *testing.T, trailer metadata.MD) time.Duration {
	t.Helper()
	reports := trailer.Get("endpoint-load-metrics-bin")
	if len(reports) != 1 {
		t.Fatalf("%d load reports in the trailer %v, want 1", len(reports), trailer)
	}
	var report orcapb.OrcaLoadReport
	if err := proto.Unmarshal([]byte(reports[0]), &report); err != nil {
		t.Fatalf("the load report does not decode: %v", err)
	}
	ns, ok := report.GetNamedMetrics()["server_time_ns"]
	if !ok {
		t.Fatalf("the load report %v has no server_time_ns", &report)
	}
	return time.Duration(ns)
}

// busy is how long the handlers below take at least.
const busy = 5 * time.Millisecond

func TestServerTime(t *testing.T) {
	for _, tt := range []struct {
		reason string
		names  []string
		err    error
		code   codes.Code
	}{
		{"with an answer", nil, nil, codes.OK},
		{"with an error", nil, status.Error(codes.NotFound, "gone"), codes.NotFound},
		{"around the chain", []string{Recovery, RequestID, Logging, Metrics, Timeout}, nil, codes.OK},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			chain, _ := chainOf(t, Config{
				Names: tt.names, UnaryTimeout: 10 * time.Second,
				RecvTimeout: 10 * time.Second,
			})
			client := serve(t, slices.Insert(chain, 0, ServerTime()), &stub{
				unary: func(context.Context) error { time.Sleep(busy); return tt.err },
				bidi: func(grpc.BidiStreamingServer[person.PersonReq, person.PersonRes]) error {
					time.Sleep(busy)
					return tt.err
				},
			}, orca.CallMetricsServerOption(nil))

			var trailer metadata.MD
			start := time.Now()
			_, err := client.Search(testkit.Context(t), &person.PersonReq{}, grpc.Trailer(&trailer))
			if status.Code(err) != tt.code {
				t.Fatal(err)
			}
			if got, all := serverTime(t, trailer), time.Since(start); got < busy || got > all {
				t.Errorf("unary: server time %v, want between %v and the client's %v", got, busy, all)
			}

			start = time.Now()
			s, err := client.SearchIO(testkit.Context(t))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Recv(); tt.err != nil && status.Code(err) != tt.code {
				t.Fatal(err)
			}
			if got, all := serverTime(t, s.Trailer()), time.Since(start); got < busy || got > all {
				t.Errorf("stream: server time %v, want between %v and the client's %v", got, busy, all)
			}
		})
	}
}

// Without the ORCA option there is no trailer, and nothing breaks.
func TestServerTimeAlone(t *testing.T) {
	client := serve(t, []Interceptor{ServerTime()}, &stub{unary: func(context.Context) error { return nil }})
	var trailer metadata.MD
	if _, err := client.Search(testkit.Context(t), &person.PersonReq{}, grpc.Trailer(&trailer)); err != nil {
		t.Fatal(err)
	}
	if reports := trailer.Get(contract.LoadReportKey); len(reports) > 0 {
		t.Errorf("a load report %q that nobody ordered", reports)
	}
}
