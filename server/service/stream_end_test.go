package service_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"grpcbench/pb/person"
	"grpcbench/pb/repo"
	"grpcbench/pb/users"
	"grpcbench/server/service"
	"grpcbench/server/testkit"
)

// probe watches one stream from the server's side: busy is closed when the
// handler is in its n-th SendMsg, which then holds it as a full window would,
// or in its n-th RecvMsg; ended is what the handler returned.
type probe struct {
	send, recv int64
	busy       chan struct{}
	ended      chan error
}

func (p *probe) intercept(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	err := handler(srv, &probedStream{ServerStream: ss, probe: p})
	p.ended <- err
	return err
}

type probedStream struct {
	grpc.ServerStream
	*probe
	sent, received atomic.Int64
}

func (s *probedStream) SendMsg(m any) error {
	if s.sent.Add(1) != s.send {
		return s.ServerStream.SendMsg(m)
	}
	close(s.busy)
	<-s.Context().Done()
	return status.FromContextError(s.Context().Err()).Err()
}

func (s *probedStream) RecvMsg(m any) error {
	if s.received.Add(1) == s.recv {
		close(s.busy)
	}
	return s.ServerStream.RecvMsg(m)
}

// A client that cancels in the middle of a stream leaves nothing behind, and
// its call was no success, whatever the handler was doing just then.
func TestCancelEndsTheHandler(t *testing.T) {
	for _, tt := range []struct {
		reason, method string
		req            proto.Message
		send, recv     int64
	}{
		{
			"the reader waits for a message that never comes", person.SearchService_SearchIn_FullMethodName,
			&person.PersonReq{Name: "qm"}, 0, 9,
		},
		{
			"the handler cannot send while messages wait to be read", person.SearchService_SearchIO_FullMethodName,
			&person.PersonReq{Name: "qm"}, 3, 0,
		},
		{
			"the handler waits for the next message", person.SearchService_SearchIO_FullMethodName,
			&person.PersonReq{Name: "qm"}, 0, 9,
		},
		{
			"the chat cannot send while requests wait to be read", users.Users_GetHelp_FullMethodName,
			&users.UserHelpRequest{Request: "?"}, 3, 0,
		},
		{
			"the chat waits for the next request", users.Users_GetHelp_FullMethodName,
			&users.UserHelpRequest{Request: "?"}, 0, 9,
		},
		{
			"an answer cannot be sent", person.SearchService_SearchOut_FullMethodName, &person.PersonReq{Name: "qm"}, 3,
			0,
		},
		{"the upload breaks off before its context", repo.Repo_CreateRepo_FullMethodName, nil, 0, 1},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			p := &probe{send: tt.send, recv: tt.recv, busy: make(chan struct{}), ended: make(chan error, 1)}
			conn := serve(t, handlers{opts: []grpc.ServerOption{grpc.StreamInterceptor(p.intercept)}})
			ctx, cancel := context.WithCancel(testkit.Context(t))
			defer cancel()
			if _, err := users.NewUsersClient(conn).GetUser(ctx, &users.UserGetRequest{Email: "a@b"}); err != nil {
				t.Fatal(err) // connects, so that what runs from here on is the stream's
			}
			idle := goleak.IgnoreCurrent()

			stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, tt.method)
			if err != nil {
				t.Fatal(err)
			}
			messages := 8
			if tt.req == nil {
				messages = 0
			}
			if strings.HasSuffix(tt.method, "SearchOut") {
				messages = 1
			}
			for range messages {
				if err := stream.SendMsg(tt.req); err != nil {
					t.Fatal(err)
				}
			}
			if messages == 1 {
				if err := stream.CloseSend(); err != nil {
					t.Fatal(err)
				}
			}
			waitFor(t, p.busy, "the handler to be busy")
			cancel()
			if err := waitFor(t, p.ended, "the handler to return"); status.Code(err) != codes.Canceled {
				t.Errorf("the handler returned %v, want the stream's own Canceled", err)
			}
			goleak.VerifyNone(t, idle)
		})
	}
}

func waitFor[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-testkit.Context(t).Done():
		t.Fatalf("waited in vain for %s", what)
	}
	return *new(T)
}

// Whatever breaks a stream, the handler returns it and answers no success.
func TestBrokenStreamIsNoSuccess(t *testing.T) {
	for _, broken := range []error{
		status.Error(codes.Canceled, "context canceled"),
		status.Error(codes.DeadlineExceeded, "context deadline exceeded"),
		status.Error(codes.Internal, "a message that does not decode"),
		status.Error(codes.ResourceExhausted, "a message that is too large"),
	} {
		for name, run := range map[string]func(received int, sent *[]proto.Message) error{
			"SearchIn": func(n int, sent *[]proto.Message) error {
				return new(service.Person).SearchIn(breaking[person.PersonReq, person.PersonRes](n, broken, sent))
			},
			"SearchIO": func(n int, sent *[]proto.Message) error {
				return new(service.Person).SearchIO(breaking[person.PersonReq, person.PersonRes](n, broken, sent))
			},
			"GetHelp": func(n int, sent *[]proto.Message) error {
				return new(service.Users).GetHelp(breaking[users.UserHelpRequest, users.UserHelpReply](n, broken, sent))
			},
			"CreateRepo": func(_ int, sent *[]proto.Message) error {
				return new(service.Repo).CreateRepo(breaking[repo.RepoCreateRequest, repo.RepoCreateReply](0, broken,
					sent))
			},
		} {
			t.Run(fmt.Sprintf("%s/%v", name, status.Code(broken)), func(t *testing.T) {
				var sent []proto.Message
				if err := run(2, &sent); !errors.Is(err, broken) {
					t.Errorf("returned %v, want %v", err, broken)
				}
				for _, m := range sent {
					if res, ok := m.(*person.PersonRes); ok && res.GetName() == "success" {
						t.Errorf("answered %v", res)
					}
				}
			})
		}
	}
}

// breaking is a stream whose Recv fails after some empty messages; what is sent on it is noted.
func breaking[Req, Res any](messages int, broken error, sent *[]proto.Message) *fakeStream[Req, Res] {
	return &fakeStream[Req, Res]{
		ctx: context.Background(),
		recv: func() (*Req, error) {
			messages--
			if messages < 0 {
				return nil, broken
			}
			return new(Req), nil
		},
		send: func(res *Res) error {
			*sent = append(*sent, any(res).(proto.Message))
			return nil
		},
	}
}
