package service_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/grpc"

	"grpcbench/pb/person"
	"grpcbench/pb/repo"
	"grpcbench/pb/users"
	"grpcbench/server/service"
	"grpcbench/server/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// handlers are the services under test; its zero fields are filled with the target's defaults.
type handlers struct {
	person *service.Person
	repo   *service.Repo
	opts   []grpc.ServerOption
}

// serve runs a real gRPC server over memory until the test ends, and returns a connection to it.
func serve(t *testing.T, h handlers) *grpc.ClientConn {
	t.Helper()
	if h.person == nil {
		h.person = &service.Person{OutCount: 11}
	}
	if h.repo == nil {
		h.repo = &service.Repo{MaxUpload: 64 << 20}
	}
	s := grpc.NewServer(h.opts...)
	person.RegisterSearchServiceServer(s, h.person)
	repo.RegisterRepoServer(s, h.repo)
	users.RegisterUsersServer(s, &service.Users{})

	return testkit.Serve(t, s)
}

// fakeStream is the server's side of a stream of any kind, whose ends are functions.
type fakeStream[Req, Res any] struct {
	grpc.ServerStream
	ctx  context.Context
	recv func() (*Req, error)
	send func(*Res) error
}

func (s *fakeStream[Req, Res]) Context() context.Context    { return s.ctx }
func (s *fakeStream[Req, Res]) Recv() (*Req, error)         { return s.recv() }
func (s *fakeStream[Req, Res]) Send(res *Res) error         { return s.send(res) }
func (s *fakeStream[Req, Res]) SendAndClose(res *Res) error { return s.send(res) }

// sendAll sends every message and half-closes.
func sendAll[Req any](t *testing.T, stream interface {
	Send(*Req) error
	CloseSend() error
}, messages []*Req,
) {
	t.Helper()
	for _, m := range messages {
		// io.EOF: the server has answered already, and its status comes with the next receive.
		if err := stream.Send(m); err != nil && !errors.Is(err, io.EOF) {
			t.Fatalf("send: %v", err)
		}
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatalf("half-close: %v", err)
	}
}

// recvAll receives until the stream ends well.
func recvAll[Res any](t *testing.T, stream interface{ Recv() (*Res, error) }) []*Res {
	t.Helper()
	all := []*Res{}
	for {
		res, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("receive: %v", err)
		}
		all = append(all, res)
	}
}
