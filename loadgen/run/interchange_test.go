package run_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"grpcbench/loadgen/child"
	"grpcbench/loadgen/requestid"
	"grpcbench/loadgen/result"
	"grpcbench/pb/person"
	"grpcbench/server/contract"
	"grpcbench/server/service"
	"grpcbench/server/testkit"
)

// otlp is an OpenTelemetry collector that takes everything.
type otlp struct {
	collector.UnimplementedTraceServiceServer

	addr  string
	mu    sync.Mutex
	spans map[string]*tracepb.Span // by trace, in hex
	twice []string
}

func (o *otlp) Export(_ context.Context,
	req *collector.ExportTraceServiceRequest,
) (*collector.ExportTraceServiceResponse, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range req.GetResourceSpans() {
		for _, s := range r.GetScopeSpans() {
			for _, span := range s.GetSpans() {
				id := hex.EncodeToString(span.GetTraceId())
				if o.spans[id] != nil {
					o.twice = append(o.twice, id)
				}
				o.spans[id] = span
			}
		}
	}
	return &collector.ExportTraceServiceResponse{}, nil
}

// serveGRPC serves until the test's end.
func serveGRPC(t *testing.T, register func(*grpc.Server), opts ...grpc.ServerOption) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer(opts...)
	register(s)
	var serving sync.WaitGroup
	serving.Go(func() { _ = s.Serve(l) })
	t.Cleanup(func() { s.Stop(); serving.Wait() })
	return l.Addr().String()
}

func collect(t *testing.T) *otlp {
	t.Helper()
	o := &otlp{spans: map[string]*tracepb.Span{}}
	o.addr = serveGRPC(t, func(s *grpc.Server) { collector.RegisterTraceServiceServer(s, o) })
	return o
}

// heard are the headers of each call that a server saw: its request ids, and its traceparents.
type heard struct {
	mu    sync.Mutex
	calls [][2][]string
}

func (h *heard) add(ids, traceparents []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls = append(h.calls, [2][]string{ids, traceparents})
}

func (h *heard) of(ctx context.Context) {
	h.add(metadata.ValueFromIncomingContext(ctx, contract.RequestIDKey),
		metadata.ValueFromIncomingContext(ctx, requestid.TraceparentKey))
}

// listening starts a target that hears; it is REST's gateway where wanted.
func listening(t *testing.T, transport string) (addr string, h *heard) {
	t.Helper()
	h = &heard{}
	if transport == "rest" {
		proxy := httputil.NewSingleHostReverseProxy(gatewayOf(t))
		proxy.Transport = &http.Transport{MaxIdleConnsPerHost: 50}
		t.Cleanup(proxy.Transport.(*http.Transport).CloseIdleConnections)
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/healthz" {
				h.add(r.Header.Values("Request-Id"), r.Header.Values("Traceparent"))
			}
			proxy.ServeHTTP(w, r)
		}))
		t.Cleanup(s.Close)
		return s.Listener.Addr().String(), h
	}
	return serveGRPC(t,
		func(s *grpc.Server) { person.RegisterSearchServiceServer(s, &service.Person{OutCount: 3}) },
		grpc.UnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo,
			handler grpc.UnaryHandler,
		) (any, error) {
			h.of(ctx)
			return handler(ctx, req)
		}),
		grpc.StreamInterceptor(func(srv any, s grpc.ServerStream, _ *grpc.StreamServerInfo,
			handler grpc.StreamHandler,
		) error {
			h.of(s.Context())
			return handler(srv, s)
		}),
	), h
}

// gatewayOf is the gateway of a target of the test's own.
func gatewayOf(t *testing.T) *url.URL {
	t.Helper()
	target, err := child.Start(t.Context(), contract.Config{Args: []string{"-interceptors=none"}}, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = target.Stop() })
	return &url.URL{Scheme: "http", Host: target.Ready.HTTP}
}

var traceparent = regexp.MustCompile(`^00-([0-9a-f]{32})-([0-9a-f]{16})-0([01])$`)

// Each call carries one traceparent, that of its request id; those that say they are sampled are exported, and no
// others.
func TestTraces(t *testing.T) {
	for _, transport := range []string{"grpc", "wire", "rest"} {
		for _, tt := range []struct {
			rpc, ratio string
			warmup     string
		}{
			{"Search", "1", "0s"},
			{"Search", "0.1", "0s"},
			{"Search", "0", "0s"},
			{"Search", "0.1", "200ms"}, // the server sees warm-up calls too, and must not wait for their client's span
			{"SearchIn", "0.5", "0s"},
			{"SearchOut", "0.5", "0s"},
			{"SearchIO", "0.5", "0s"},
		} {
			if transport == "rest" && tt.rpc != "Search" {
				continue // the gateway has no streams
			}
			t.Run(fmt.Sprintf("%s %s ratio %s warmup %s", transport, tt.rpc, tt.ratio, tt.warmup), func(t *testing.T) {
				o := collect(t)
				addr, h := listening(t, transport)
				args := []string{
					"-rpc=" + tt.rpc, "-addr=" + addr, "-transport=" + transport, "-c=4", "-n=500",
					"-warmup=" + tt.warmup, "-otlp=" + o.addr, "-trace-ratio=" + tt.ratio,
				}
				if tt.rpc == "SearchIn" || tt.rpc == "SearchIO" {
					args = append(args, "-messages=5")
				}
				doc := carryOut(t, args...)
				if doc.Counts.OK != 500 {
					t.Fatalf("the counts are %+v, codes %v", doc.Counts, doc.Codes)
				}
				told(t, doc, h, o)
			})
		}
	}
}

// told holds what the server heard to what the collector got.
func told(t *testing.T, doc *result.Document, h *heard, o *otlp) {
	t.Helper()
	run := doc.RunID
	h.mu.Lock()
	defer h.mu.Unlock()
	o.mu.Lock()
	defer o.mu.Unlock()
	if want := doc.Counts.Sent + doc.WarmupCalls; int64(len(h.calls)) != want {
		t.Errorf("the server saw %d calls, want %d", len(h.calls), want)
	}
	sampled, missing := 0, 0
	for _, call := range h.calls {
		if len(call[0]) != 1 || len(call[1]) != 1 {
			t.Fatalf("a call has the request ids %q and the traceparents %q, want one of each", call[0], call[1])
		}
		id, err := requestid.Parse(call[0][0])
		m := traceparent.FindStringSubmatch(call[1][0])
		if err != nil || m == nil || id.RunPrefix() != run {
			t.Fatalf("call %q of run %s has the traceparent %q (%v)", call[0], run, call[1], err)
		}
		traceID, spanID := id.TraceID(), id.SpanID()
		if m[1] != hex.EncodeToString(traceID[:]) || m[2] != hex.EncodeToString(spanID[:]) {
			t.Fatalf("call %v has the traceparent %s", id, m[0])
		}
		span := o.spans[m[1]]
		if m[3] == "0" {
			if span != nil {
				t.Errorf("call %v is not sampled, and is exported", id)
			}
			continue
		}
		sampled++
		if span == nil {
			missing++
			continue
		}
		for _, a := range span.GetAttributes() {
			if a.GetKey() == "grpcbench.request_id" && a.GetValue().GetStringValue() != id.String() {
				t.Errorf("the span of %v says it is of %v", id, a.GetValue())
			}
		}
		took := time.Duration(span.GetEndTimeUnixNano() - span.GetStartTimeUnixNano())
		if hex.EncodeToString(span.GetSpanId()) != m[2] || took <= 0 || took > time.Minute ||
			time.Since(time.Unix(0, int64(span.GetEndTimeUnixNano()))) > time.Minute {
			t.Errorf("call %v is span %x, ended %v, took %v", id, span.GetSpanId(),
				time.Unix(0, int64(span.GetEndTimeUnixNano())), took)
		}
	}
	if missing > 0 || len(o.spans) != sampled || len(o.twice) > 0 {
		t.Errorf("of %d sampled calls %d have no span; %d spans were exported, %d of them twice", sampled, missing,
			len(o.spans), len(o.twice))
	}
	for _, note := range doc.Notes {
		if strings.Contains(note, "trace") {
			t.Errorf("a note says %q", note)
		}
	}
	n := float64(len(h.calls))
	if ratio := doc.Plan.TraceRatio; float64(sampled) < n*ratio-5*n*0.05 || float64(sampled) > n*ratio+5*n*0.05 ||
		ratio == 1 && sampled < len(h.calls) {
		t.Errorf("%d of %d calls are sampled at ratio %v", sampled, len(h.calls), ratio)
	}
}

// Who asks for no traces sends none: neither the header, nor the server's cost of it.
func TestNoTraces(t *testing.T) {
	for _, transport := range []string{"grpc", "wire", "rest"} {
		addr, h := listening(t, transport)
		carryOut(t, "-rpc=Search", "-addr="+addr, "-transport="+transport, "-c=2", "-n=20", "-warmup=0s")
		h.mu.Lock()
		for _, call := range h.calls {
			if len(call[1]) > 0 {
				t.Errorf("%s: a traceparent without -otlp: %q", transport, call[1])
			}
		}
		if len(h.calls) != 20 {
			t.Errorf("%s: the server saw %d calls", transport, len(h.calls))
		}
		h.mu.Unlock()
	}
}

// Failed calls are what people look for in traces.
func TestTracesOfFailedCalls(t *testing.T) {
	o := collect(t)
	doc := carryOut(t, "-rpc=Search", "-c=2", "-n=200", "-warmup=0s", "-otlp="+o.addr, "-trace-ratio=1",
		"-target=-interceptors=none -inject=error=0.2:NOT_FOUND")
	o.mu.Lock()
	defer o.mu.Unlock()
	failed := int64(0)
	for _, s := range o.spans {
		if s.GetStatus().GetCode() == tracepb.Status_STATUS_CODE_ERROR {
			failed++
			if s.GetStatus().GetMessage() != "NOT_FOUND: injected error" {
				t.Errorf("a span's status is %v", s.GetStatus())
			}
		}
	}
	if len(o.spans) != 200 || failed != doc.Counts.Failed || failed == 0 {
		t.Errorf("%d spans, %d of them of failed calls; the counts are %+v", len(o.spans), failed, doc.Counts)
	}
}

// That no collector listens is no failure of the run: its calls were measured. Its notes say what is missing, and of
// whom.
func TestNoCollector(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for a flush that cannot end")
	}
	began := time.Now()
	doc := carryOut(t, "-rpc=Search", "-c=2", "-n=50", "-warmup=0s", "-otlp="+unused(t), "-trace-ratio=1")
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("the run took %v", took)
	}
	if notes := strings.Join(doc.Notes, "\n"); doc.Counts.OK != 50 || !strings.Contains(notes, "traces") {
		t.Errorf("counts %+v and the notes:\n%s", doc.Counts, notes)
	}
}

// unused is an address that nothing listens on.
func unused(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	return l.Addr().String()
}

// A run that cannot begin leaves nothing open, like one that could.
func TestInterchangeClosesWhereARunCannotBegin(t *testing.T) {
	o := collect(t)
	for _, tt := range []struct {
		reason string
		args   []string
	}{
		{"the target's flags are bad", []string{"-target=-nosuch"}},
		{"no CA", []string{"-addr=127.0.0.1:1", "-cacert=/nowhere.pem"}},
		{"nothing listens", []string{"-addr=" + unused(t)}},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			addr := unused(t)
			current := goleak.IgnoreCurrent()
			doc, err := runPlan(testkit.Context(t),
				read(t, append(tt.args, "-rpc=Search", "-n=10", "-metrics="+addr, "-otlp="+o.addr)...))
			if err == nil || doc != nil {
				t.Fatalf("Run: %+v, %v", doc, err)
			}
			if l, err := net.Listen("tcp", addr); err != nil {
				t.Errorf("the port of -metrics is still in use: %v", err)
			} else {
				l.Close()
			}
			if err := goleak.Find(current); err != nil {
				first, _, _ := strings.Cut(err.Error(), "\n")
				t.Errorf("it goes on: %s", first)
			}
		})
	}
}

// A port in use is told before any load, with no folder left behind.
func TestMetricsPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p := read(t, "-rpc=Search", "-n=10", "-metrics="+l.Addr().String())
	doc, err := runPlan(testkit.Context(t), p)
	if err == nil || doc != nil || !strings.Contains(err.Error(), "-metrics") ||
		!strings.Contains(err.Error(), l.Addr().String()) {
		t.Errorf("Run: %+v, %v, want an error that names -metrics and the address", doc, err)
	}
	if kept, err := result.Read(p.Out); err == nil {
		t.Errorf("there is a result.json: %+v", kept.Verdict)
	}
}
