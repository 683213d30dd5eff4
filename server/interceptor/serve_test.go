package interceptor

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"grpcbench/pb/person"
	"grpcbench/server/testkit"
)

// The batching span processor lives as long as its process.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(
		m, goleak.IgnoreAnyFunction("go.opentelemetry.io/otel/sdk/trace.(*batchSpanProcessor).processQueue"))
}

// The infos of calls that go to an interceptor without a server.
var (
	unaryInfo  = &grpc.UnaryServerInfo{FullMethod: "/test.Service/Unary"}
	streamInfo = &grpc.StreamServerInfo{FullMethod: "/test.Service/Stream", IsClientStream: true, IsServerStream: true}
)

// journal keeps what a logger wrote.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

// records are the records with the given message, as decoded from JSON.
func (j *journal) records(t *testing.T, message string) (found []map[string]any) {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	for line := range bytes.Lines(j.text.Bytes()) {
		var r map[string]any
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatalf("log line %q: %v", line, err)
		}
		if r["msg"] == message {
			found = append(found, r)
		}
	}
	return found
}

// chainOf makes the chain of names with the target's default limits, and the journal of its logger.
func chainOf(t *testing.T, cfg Config) ([]Interceptor, *journal) {
	t.Helper()
	j := &journal{}
	cfg.Logger = slog.New(slog.NewJSONHandler(io.MultiWriter(j, t.Output()), nil))
	if cfg.Registerer == nil {
		cfg.Registerer = prometheus.NewRegistry()
	}
	if cfg.UnaryTimeout == 0 {
		cfg.UnaryTimeout = 300 * time.Millisecond
	}
	if cfg.RecvTimeout == 0 {
		cfg.RecvTimeout = 500 * time.Millisecond
	}
	chain, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return chain, j
}

// unary passes one call through the chain, outermost first, without a server.
func unary(ctx context.Context, chain []Interceptor, handler grpc.UnaryHandler) (any, error) {
	return nested(grpc.NewContextWithServerTransportStream(ctx, headerless{}), chain, handler)
}

func nested(ctx context.Context, chain []Interceptor, handler grpc.UnaryHandler) (any, error) {
	if len(chain) == 0 {
		return handler(ctx, "request")
	}
	return chain[0].Unary(ctx, "request", unaryInfo, func(ctx context.Context, _ any) (any, error) {
		return nested(ctx, chain[1:], handler)
	})
}

// headerless takes a unary call's headers and forgets them.
type headerless struct{ grpc.ServerTransportStream }

func (headerless) SetHeader(metadata.MD) error { return nil }

// stream passes one stream through the chain, outermost first, without a server.
func stream(ss grpc.ServerStream, chain []Interceptor, handler func(grpc.ServerStream) error) error {
	if len(chain) == 0 {
		return handler(ss)
	}
	return chain[0].Stream(nil, ss, streamInfo, func(_ any, ss grpc.ServerStream) error {
		return stream(ss, chain[1:], handler)
	})
}

// fakeStream is the server's side of a stream, whose ends are functions.
type fakeStream struct {
	grpc.ServerStream
	ctx        context.Context
	recv, send func(m any) error
}

func (s *fakeStream) Context() context.Context     { return s.ctx }
func (s *fakeStream) RecvMsg(m any) error          { return s.recv(m) }
func (s *fakeStream) SendMsg(m any) error          { return s.send(m) }
func (s *fakeStream) SetHeader(metadata.MD) error  { return nil }
func (s *fakeStream) SendHeader(metadata.MD) error { return nil }

// stub is a service whose handlers are fields.
type stub struct {
	person.UnimplementedSearchServiceServer
	unary func(context.Context) error
	bidi  func(grpc.BidiStreamingServer[person.PersonReq, person.PersonRes]) error
}

func (s *stub) Search(ctx context.Context, _ *person.PersonReq) (*person.PersonRes, error) {
	return &person.PersonRes{}, s.unary(ctx)
}

func (s *stub) SearchIO(stream grpc.BidiStreamingServer[person.PersonReq, person.PersonRes]) error {
	return s.bidi(stream)
}

// serve runs s behind the chain in a real gRPC server over memory until the test ends.
func serve(t *testing.T, chain []Interceptor, s *stub, opts ...grpc.ServerOption) person.SearchServiceClient {
	t.Helper()
	server := grpc.NewServer(append(opts, Options(chain)...)...)
	person.RegisterSearchServiceServer(server, s)
	return person.NewSearchServiceClient(testkit.Serve(t, server))
}
