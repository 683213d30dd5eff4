package interceptor

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"grpcbench/server/contract"
)

// gather returns every counter and histogram that is not zero, histograms as
// their count and sum, and every exemplar as bucket -> request id.
func gather(t *testing.T, reg *prometheus.Registry) (values map[string]string, exemplars map[float64]string) {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values, exemplars = map[string]string{}, map[float64]string{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetValue()) // sorted by name: code, direction, method, service, type
			}
			key := strings.TrimPrefix(f.GetName(), "grpc_server_") + " " + strings.Join(labels, " ")
			switch h := m.GetHistogram(); {
			case h == nil && m.GetCounter().GetValue() != 0:
				values[key] = fmt.Sprint(m.GetCounter().GetValue())
			case h.GetSampleCount() > 0:
				values[key] = fmt.Sprintf("%d in %.3gs", h.GetSampleCount(), h.GetSampleSum())
			}
			for _, b := range m.GetHistogram().GetBucket() {
				for _, l := range b.GetExemplar().GetLabel() {
					exemplars[b.GetUpperBound()] = l.GetName() + "=" + l.GetValue()
				}
			}
		}
	}
	return values, exemplars
}

func TestMetricsUnary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := prometheus.NewRegistry()
		chain, _ := chainOf(t, Config{Names: []string{Recovery, Metrics}, Registerer: reg})
		for _, handler := range []grpc.UnaryHandler{
			deaf(3*time.Millisecond, nil),
			deaf(30*time.Millisecond, nil),
			deaf(300*time.Millisecond, status.Error(codes.NotFound, "gone")),
			func(context.Context, any) (any, error) { return nil, explode("boom") },
		} {
			unary(t.Context(), chain, handler)
		}
		got, exemplars := gather(t, reg)
		want := map[string]string{
			"started_total Unary test.Service unary":          "4",
			"handled_total OK Unary test.Service unary":       "2",
			"handled_total NotFound Unary test.Service unary": "1",
			"handled_total Internal Unary test.Service unary": "1", // the panic
			"msg_received_total Unary test.Service unary":     "4",
			"msg_sent_total Unary test.Service unary":         "2",
			"handling_seconds Unary test.Service unary":       "4 in 0.333s",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("metrics (-want +got):\n%s", diff)
		}
		if len(exemplars) != 0 {
			t.Errorf("exemplars %v without a request id", exemplars)
		}
	})
}

func TestMetricsStream(t *testing.T) {
	for _, tt := range []struct {
		kind string
		info grpc.StreamServerInfo
	}{
		{"client_stream", grpc.StreamServerInfo{IsClientStream: true}},
		{"server_stream", grpc.StreamServerInfo{IsServerStream: true}},
		{"bidi_stream", grpc.StreamServerInfo{IsClientStream: true, IsServerStream: true}},
	} {
		t.Run(tt.kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				reg := prometheus.NewRegistry()
				chain, _ := chainOf(t, Config{Names: []string{Metrics}, Registerer: reg})
				messages := 2
				ss := &fakeStream{
					ctx: t.Context(),
					recv: func(any) error {
						time.Sleep(10 * time.Millisecond)
						messages--
						if messages < 0 {
							return io.EOF // the end is no message
						}
						return nil
					},
					send: func(any) error { time.Sleep(time.Millisecond); return nil },
				}
				tt.info.FullMethod = "/Repo/Make"
				if err := chain[0].Stream(nil, ss, &tt.info, func(_ any, ss grpc.ServerStream) error {
					for ss.RecvMsg(nil) == nil {
						ss.SendMsg("answer")
						ss.SendMsg("answer")
					}
					return status.Error(codes.Aborted, "enough")
				}); status.Code(err) != codes.Aborted {
					t.Errorf("the result became %v", err)
				}
				got, _ := gather(t, reg)
				want := map[string]string{
					"started_total Make Repo " + tt.kind:         "1",
					"handled_total Aborted Make Repo " + tt.kind: "1",
					"msg_received_total Make Repo " + tt.kind:    "2",
					"msg_sent_total Make Repo " + tt.kind:        "4",
					"handling_seconds Make Repo " + tt.kind:      "1 in 0.034s",
					"msg_seconds received Make Repo " + tt.kind:  "2 in 0.02s",
					"msg_seconds sent Make Repo " + tt.kind:      "4 in 0.004s",
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("metrics (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestMetricsStreamPanicIsInternal(t *testing.T) {
	reg := prometheus.NewRegistry()
	chain, _ := chainOf(t, Config{Names: []string{Recovery, Metrics}, Registerer: reg})
	err := stream(&fakeStream{ctx: t.Context()}, chain, func(grpc.ServerStream) error { return explode("boom") })
	wantPanicStatus(t, err)
	if got, _ := gather(t, reg); got["handled_total Internal Stream test.Service bidi_stream"] != "1" {
		t.Errorf("metrics %v, want the panic as Internal", got)
	}
}

// The last call of each latency bucket can be found by its request id.
func TestMetricsExemplars(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := prometheus.NewRegistry()
		chain, _ := chainOf(t, Config{Names: []string{Metrics}, Registerer: reg})
		for _, call := range []struct {
			id   string
			took time.Duration
		}{
			{"fast", 2 * time.Millisecond},
			{"slow-1", 200 * time.Millisecond},
			{"slow-2", 201 * time.Millisecond},
			{strings.Repeat("x", 118), 2 * time.Second},
			{strings.Repeat("x", 119), 7 * time.Second}, // longer than an exemplar may be: counted, not shown
		} {
			if _, err := unary(withIncomingID(t.Context(), call.id), chain, deaf(call.took, nil)); err != nil {
				t.Fatal(err)
			}
		}
		want := map[float64]string{
			0.0025: "request_id=fast", 0.25: "request_id=slow-2", 2.5: "request_id=" + strings.Repeat("x", 118),
		}
		if _, got := gather(t, reg); !cmp.Equal(want, got) {
			t.Errorf("exemplars (-want +got):\n%s", cmp.Diff(want, got))
		}
	})
}

// A caller's metadata comes off the wire: HTTP/2 lets bytes through that are no UTF-8, and an exemplar does not.
func TestMetricsTakeAnyID(t *testing.T) {
	reg := prometheus.NewRegistry()
	chain, _ := chainOf(t, Config{Names: []string{Metrics}, Registerer: reg})
	defer func() {
		if r := recover(); r != nil {
			t.Errorf("a caller's request id made the interceptor panic: %v", r)
		}
	}()
	ctx := metadata.NewIncomingContext(t.Context(), metadata.Pairs(contract.RequestIDKey, "\xff\xfe"))
	if _, err := unary(ctx, chain, deaf(0, nil)); err != nil {
		t.Error(err)
	}
}

// gRPC hands on codes that it has no name for; they are not Unauthenticated.
func TestMetricsOfAForeignCode(t *testing.T) {
	reg := prometheus.NewRegistry()
	chain, _ := chainOf(t, Config{Names: []string{Metrics}, Registerer: reg})
	unary(t.Context(), chain, deaf(0, status.Error(codes.Code(99), "what?")))
	got, _ := gather(t, reg)
	if n, wrong := got["handled_total Unauthenticated Unary test.Service unary"]; wrong {
		t.Errorf("code 99 was counted as Unauthenticated (%s)", n)
	}
}
