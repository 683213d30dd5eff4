package meet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/peer"
)

// The service is one bidi stream of messages in JSON, which snapshots have anyway.
const (
	service = "grpcbench.Meet"
	join    = "Join"
)

// codec writes messages as JSON.
type codec struct{}

func (codec) Marshal(v any) ([]byte, error)      { return json.Marshal(v) }
func (codec) Unmarshal(data []byte, v any) error { return json.Unmarshal(data, v) }
func (codec) Name() string                       { return "json" }

// A side that hears nothing for so long asks, and gives the other up where it is silent for as long again: a cut cable
// says nothing. A process that is stopped for some seconds is not given up.
const (
	silent      = 10 * time.Second
	mostMessage = 64 << 20
)

// streamLink is one end of a stream. Both kinds of grpc-go's streams have these.
type streamLink struct {
	stream interface {
		SendMsg(m any) error
		RecvMsg(m any) error
	}
	close func() error
}

func (l streamLink) Send(m *Message) error { return l.stream.SendMsg(m) }

func (l streamLink) Recv() (*Message, error) {
	m := &Message{}
	return m, l.stream.RecvMsg(m)
}

func (l streamLink) Close() error { return l.close() }

// dialStream connects to the host, which may not be there yet.
func dialStream(ctx context.Context, addr string, c *Config) (link, error) {
	wrong := make(chan struct{})
	transport := insecure.NewCredentials()
	if c.Token != "" {
		config, err := tokenTLS(c.Token, sync.OnceFunc(func() { close(wrong) }))
		if err != nil {
			return nil, err
		}
		transport = credentials.NewTLS(config)
	}
	cc, err := grpc.NewClient("passthrough:///"+addr,
		grpc.WithTransportCredentials(transport), grpc.WithNoProxy(),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: silent, Timeout: silent, PermitWithoutStream: true}),
		grpc.WithConnectParams(grpc.ConnectParams{MinConnectTimeout: 5 * time.Second}),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(codec{}), grpc.WaitForReady(true),
			grpc.MaxCallRecvMsgSize(mostMessage)),
	)
	if err != nil {
		return nil, fmt.Errorf("connect to shard 0: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	go func() { // waiting longer makes no other token of it
		select {
		case <-wrong:
			cancel()
		case <-ctx.Done():
		}
	}()
	stream, err := cc.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/"+service+"/"+join)
	if err != nil {
		cancel()
		select {
		case <-wrong:
			err = errToken
		default:
		}
		return nil, errors.Join(fmt.Errorf("connect to shard 0 at %s: %w", addr, err), cc.Close())
	}
	return streamLink{stream, func() error {
		err := stream.CloseSend()
		cancel()
		return errors.Join(err, cc.Close())
	}}, nil
}

// streams is the host's listener over TCP.
type streams struct {
	server  *grpc.Server
	serving sync.WaitGroup
}

// listenStreams takes guests at addr; each is for take, which returns once the link is over.
func listenStreams(ctx context.Context, addr string, c *Config, take func(l link, from string)) (*streams, error) {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("-meet %s: %w", addr, err)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil { // the name may be another's, as a service's is: then it is ours by its port
		listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", ":"+port)
	}
	if err != nil {
		return nil, fmt.Errorf("listen for the other shards: %w", err)
	}
	options := []grpc.ServerOption{
		grpc.ForceServerCodec(codec{}), grpc.MaxRecvMsgSize(mostMessage),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: silent, Timeout: silent}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: silent / 2, PermitWithoutStream: true}),
	}
	if c.Token != "" {
		config, err := tokenTLS(c.Token, func() { c.logf("a process with another -meet-token was refused") })
		if err != nil {
			return nil, errors.Join(err, listener.Close())
		}
		options = append(options, grpc.Creds(credentials.NewTLS(config)))
	}
	s := &streams{server: grpc.NewServer(options...)}
	s.server.RegisterService(&grpc.ServiceDesc{
		ServiceName: service, HandlerType: (*any)(nil),
		// the stream has it
		Streams: []grpc.StreamDesc{{
			StreamName: join, ServerStreams: true, ClientStreams: true,
			Handler: func(_ any, stream grpc.ServerStream) error { //nolint:contextcheck
				from := "an unknown address"
				if p, ok := peer.FromContext(stream.Context()); ok {
					from = p.Addr.String()
				}
				take(streamLink{stream, func() error { return nil }}, from)
				return nil
			},
		}},
	}, nil)
	s.serving.Go(func() { _ = s.server.Serve(listener) }) // until it is stopped
	return s, nil
}

func (s *streams) Close() error {
	hurry := time.AfterFunc(2*time.Second, s.server.Stop)
	s.server.GracefulStop() // what was said last is still to be sent
	hurry.Stop()
	s.serving.Wait()
	return nil
}
