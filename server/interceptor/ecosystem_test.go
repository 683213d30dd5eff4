package interceptor

import (
	"context"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"grpcbench/pb/person"
	"grpcbench/server/testkit"
)

// What others offer does its work here: calls and streams pass, are logged once, and panics are caught.
func TestEcosystem(t *testing.T) {
	for _, name := range Ecosystem {
		t.Run(name, func(t *testing.T) {
			names, err := Parse(name)
			if err != nil {
				t.Fatal(err)
			}
			chain, journal := chainOf(t, Config{Names: names})
			client := serve(t, chain, &stub{
				unary: func(context.Context) error {
					if name == MWRecovery {
						panic("a panic")
					}
					return nil
				},
				bidi: func(s grpc.BidiStreamingServer[person.PersonReq, person.PersonRes]) error {
					if _, err := s.Recv(); err != nil {
						return err
					}
					return s.Send(&person.PersonRes{Name: "answer"})
				},
			})
			_, err = client.Search(testkit.Context(t), &person.PersonReq{})
			if want := map[bool]codes.Code{true: codes.Internal}[name == MWRecovery]; status.Code(err) != want {
				t.Errorf("the call ended with %v, want %v", err, want)
			}
			s, err := client.SearchIO(testkit.Context(t))
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Send(&person.PersonReq{}); err != nil {
				t.Fatal(err)
			}
			if m, err := s.Recv(); err != nil || m.GetName() != "answer" {
				t.Errorf("the stream's answer: %v, %v", m, err)
			}
			if _, err := s.Recv(); err == nil {
				t.Error("the stream goes on")
			}
			if name == MWLogging {
				for len(journal.records(t, "finished call")) < 2 {
					time.Sleep(time.Millisecond) // the server logs a stream after the client heard of its end
				}
			}
		})
	}
}

// Busy costs what it says: it is what measurements of cost are checked with.
func TestBusy(t *testing.T) {
	const d = 2 * time.Millisecond
	chain := []Interceptor{Busy(d)}
	start := time.Now()
	if _, err := unary(t.Context(), chain, func(context.Context, any) (any, error) { return nil, nil }); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took < d {
		t.Errorf("a unary call took %v, want %v or more", took, d)
	}
	messages := 0
	ss := &fakeStream{ctx: t.Context(), recv: func(any) error { messages++; return nil }}
	start = time.Now()
	if err := stream(ss, chain, func(ss grpc.ServerStream) error {
		for range 3 {
			if err := ss.RecvMsg(nil); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took < 3*d || messages != 3 {
		t.Errorf("three messages of a stream took %v, want %v or more", took, 3*d)
	}
}
