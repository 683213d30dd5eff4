package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"grpcbench/loadgen/transport/grpcconn"
	_ "grpcbench/loadgen/transport/grpcconn/ecosystem" // the interceptors of others
	"grpcbench/pb/person"
	"grpcbench/server/contract"
	"grpcbench/server/interceptor"
	_ "grpcbench/server/interceptor/ecosystem" // likewise
)

// serverInterceptors measures each interceptor alone around a handler that does
// nothing, called directly: a stream has one message each way.
func serverInterceptors(b *testing.B) {
	faults, err := interceptor.ParseFaults("error=0:UNAVAILABLE,panic=0.000000001")
	if err != nil {
		b.Fatal(err)
	}
	names, err := interceptor.Parse("all")
	if err != nil {
		b.Fatal(err)
	}
	for _, name := range slices.Concat(names, interceptor.Registered()) {
		cfg := interceptor.Config{
			// what formatting costs is measured
			Names: []string{name}, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), //nolint:sloglint
			Registerer:   prometheus.NewRegistry(),
			UnaryTimeout: time.Second, RecvTimeout: time.Second,
		}
		if name == interceptor.Inject {
			cfg.Faults = faults
		}
		chain, err := interceptor.New(cfg)
		if err != nil {
			b.Fatal(err)
		}
		if h := chain[0].Stats; h != nil {
			b.Run(fmt.Sprintf("interceptor=%s/kind=unary/side=server", name),
				func(b *testing.B) { statsHandler(b, h, false, false) })
			b.Run(fmt.Sprintf("interceptor=%s/kind=stream/side=server", name),
				func(b *testing.B) { statsHandler(b, h, false, true) })
			continue
		}
		ctx := metadata.NewIncomingContext(context.Background(),
			metadata.Pairs(contract.RequestIDKey, "00000001-0002-000000000003"))
		ctx = grpc.NewContextWithServerTransportStream(ctx, noTransport{})
		b.Run(fmt.Sprintf("interceptor=%s/kind=unary/side=server", name), func(b *testing.B) {
			b.ReportAllocs()
			req, res := &person.PersonReq{}, &person.PersonRes{}
			info := &grpc.UnaryServerInfo{FullMethod: "/person.SearchService/Search"}
			handler := func(context.Context, any) (any, error) { return res, nil }
			for b.Loop() {
				if _, err := chain[0].Unary(ctx, req, info, handler); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("interceptor=%s/kind=stream/side=server", name), func(b *testing.B) {
			b.ReportAllocs()
			msg := &person.PersonReq{}
			info := &grpc.StreamServerInfo{
				FullMethod: "/person.SearchService/SearchIO", IsClientStream: true,
				IsServerStream: true,
			}
			handler := func(_ any, ss grpc.ServerStream) error {
				if err := ss.RecvMsg(msg); err != nil {
					return err
				}
				return ss.SendMsg(msg)
			}
			for b.Loop() {
				if err := chain[0].Stream(nil, noStream{ctx: ctx}, info, handler); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// clientInterceptors measures each client interceptor alone around a call that does nothing.
func clientInterceptors(b *testing.B) {
	for _, name := range slices.Concat(grpcconn.Names, grpcconn.Registered()) {
		// what formatting costs is measured
		chain, err := grpcconn.Interceptors([]string{name}, 1, prometheus.NewRegistry(),
			slog.New(slog.NewTextHandler(io.Discard, nil))) //nolint:sloglint
		if err != nil {
			b.Fatal(err)
		}
		if h := chain[0].Stats; h != nil {
			b.Run(fmt.Sprintf("interceptor=%s/kind=unary/side=client", name),
				func(b *testing.B) { statsHandler(b, h, true, false) })
			b.Run(fmt.Sprintf("interceptor=%s/kind=stream/side=client", name),
				func(b *testing.B) { statsHandler(b, h, true, true) })
			continue
		}
		ctx := grpcconn.WithCall(context.Background(), &newWaiter(1).call)
		b.Run(fmt.Sprintf("interceptor=%s/kind=unary/side=client", name), func(b *testing.B) {
			b.ReportAllocs()
			invoker := func(context.Context, string, any, any, *grpc.ClientConn,
				...grpc.CallOption,
			) error {
				return nil
			}
			for b.Loop() {
				if err := chain[0].Unary(ctx, "/person.SearchService/Search", nil, nil, nowhere, invoker); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("interceptor=%s/kind=stream/side=client", name), func(b *testing.B) {
			b.ReportAllocs()
			desc := &grpc.StreamDesc{StreamName: "SearchIO", ClientStreams: true, ServerStreams: true}
			streamer := func(ctx context.Context, _ *grpc.StreamDesc, _ *grpc.ClientConn, _ string,
				_ ...grpc.CallOption,
			) (grpc.ClientStream, error) {
				return &oneMessage{ctx: ctx}, nil
			}
			msg := &person.PersonReq{}
			for b.Loop() {
				s, err := chain[0].Stream(ctx, desc, nowhere, "/person.SearchService/SearchIO", streamer)
				if err == nil {
					err = s.SendMsg(msg)
				}
				if err == nil {
					err = s.RecvMsg(msg)
				}
				if err != nil {
					b.Fatal(err)
				}
				if err := s.RecvMsg(msg); !errors.Is(err, io.EOF) {
					b.Fatal(err)
				}
			}
		})
	}
}

// nowhere is a connection that is never used, but asked for its target.
var nowhere = func() *grpc.ClientConn {
	cc, err := grpc.NewClient("passthrough:///nowhere", grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		panic(err) // no such address is wrong
	}
	return cc
}()

// oneMessage is a client's stream that receives one message, and then its end.
type oneMessage struct {
	grpc.ClientStream
	ctx      context.Context //nolint:containedctx // grpc.ClientStream hands its context out by a method
	received bool
}

func (s *oneMessage) Context() context.Context { return s.ctx }
func (*oneMessage) SendMsg(any) error          { return nil }
func (*oneMessage) Header() (metadata.MD, error) {
	return nil, nil
}
func (*oneMessage) Trailer() metadata.MD { return nil }
func (*oneMessage) CloseSend() error     { return nil }
func (s *oneMessage) RecvMsg(any) error {
	if s.received {
		return io.EOF
	}
	s.received = true
	return nil
}

// noTransport takes headers for nobody.
type noTransport struct{}

func (noTransport) Method() string               { return "" }
func (noTransport) SetHeader(metadata.MD) error  { return nil }
func (noTransport) SendHeader(metadata.MD) error { return nil }
func (noTransport) SetTrailer(metadata.MD) error { return nil }

// noStream receives and sends without end.
type noStream struct {
	ctx context.Context //nolint:containedctx // grpc.ServerStream hands its context out by a method
}

func (noStream) SetHeader(metadata.MD) error  { return nil }
func (noStream) SendHeader(metadata.MD) error { return nil }
func (noStream) SetTrailer(metadata.MD)       {}
func (s noStream) Context() context.Context   { return s.ctx }
func (noStream) SendMsg(any) error            { return nil }
func (noStream) RecvMsg(any) error            { return nil }
