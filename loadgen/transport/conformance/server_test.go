package conformance

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http/httptest"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/interop"
	"google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
)

// service is grpc-go's interop service, and what that lacks: the features CompressedRequest
// and CompressedResponse of doc/interop-test-descriptions.md.
type service struct {
	grpc_testing.TestServiceServer
}

func (s service) UnaryCall(ctx context.Context, m *grpc_testing.SimpleRequest) (*grpc_testing.SimpleResponse, error) {
	if err := expect(ctx, m.GetExpectCompressed()); err != nil {
		return nil, err
	}
	if m.GetResponseCompressed().GetValue() {
		if err := grpc.SetSendCompressor(ctx, gzip.Name); err != nil {
			return nil, err
		}
	}
	return s.TestServiceServer.UnaryCall(ctx, m)
}

func (s service) StreamingInputCall(stream grpc.ClientStreamingServer[grpc_testing.StreamingInputCallRequest,
	grpc_testing.StreamingInputCallResponse],
) error {
	return s.TestServiceServer.StreamingInputCall(expecting{stream})
}

// expecting looks at each message of a client's stream.
type expecting struct {
	grpc.ClientStreamingServer[grpc_testing.StreamingInputCallRequest, grpc_testing.StreamingInputCallResponse]
}

func (s expecting) Recv() (*grpc_testing.StreamingInputCallRequest, error) {
	m, err := s.ClientStreamingServer.Recv()
	if err == nil {
		err = expect(s.Context(), m.GetExpectCompressed())
	}
	return m, err
}

func (s service) StreamingOutputCall(m *grpc_testing.StreamingOutputCallRequest,
	stream grpc.ServerStreamingServer[grpc_testing.StreamingOutputCallResponse],
) error {
	for _, p := range m.GetResponseParameters() {
		if p.GetCompressed().GetValue() { // grpc-go compresses all of a stream's messages, or none
			if err := grpc.SetSendCompressor(stream.Context(), gzip.Name); err != nil {
				return err
			}
			break
		}
	}
	return s.TestServiceServer.StreamingOutputCall(m, stream)
}

// expect fails a call whose last message is not compressed, or is, against what it says.
func expect(ctx context.Context, want *grpc_testing.BoolValue) error {
	seen, _ := ctx.Value(incoming{}).(*compressions)
	if want == nil || seen.last == want.GetValue() {
		return nil
	}
	return status.Errorf(codes.InvalidArgument, "compressed=%t is expected, and the message has %t", want.GetValue(),
		seen.last)
}

// compressions has grpc-go tell which messages came compressed: handlers do not see it.
type (
	compressions struct{ last bool }
	incoming     struct{}
	watcher      struct{}
)

func (watcher) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context {
	return context.WithValue(ctx, incoming{}, &compressions{})
}

func (watcher) HandleRPC(ctx context.Context, s stats.RPCStats) {
	if in, ok := s.(*stats.InPayload); ok {
		seen, _ := ctx.Value(incoming{}).(*compressions)
		seen.last = in.CompressedLength != in.Length
	}
}

func (watcher) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

func (watcher) HandleConn(context.Context, stats.ConnStats) {}

// serve runs the service on lis.
func serve(t *testing.T, lis net.Listener, opts ...grpc.ServerOption) {
	t.Helper()
	s := grpc.NewServer(append([]grpc.ServerOption{grpc.WaitForHandlers(true), grpc.StatsHandler(watcher{})},
		opts...)...)
	grpc_testing.RegisterTestServiceServer(s, service{interop.NewTestServer()})
	var serving sync.WaitGroup
	serving.Go(func() { _ = s.Serve(lis) })
	t.Cleanup(func() { s.Stop(); serving.Wait() })
}

// listen is a listener on loopback that shows what the server says.
func listen(t *testing.T) *tap {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return &tap{Listener: lis}
}

// certificate is one for 127.0.0.1, and a pool that trusts it: httptest's own.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return s.TLS.Certificates[0], pool
}
