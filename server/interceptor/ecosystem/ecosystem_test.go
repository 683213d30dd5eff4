package ecosystem_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"grpcbench/pb/person"
	"grpcbench/server/interceptor"
	_ "grpcbench/server/interceptor/ecosystem"
	"grpcbench/server/testkit"
)

// The batching span processor lives as long as its process.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(
		m, goleak.IgnoreAnyFunction("go.opentelemetry.io/otel/sdk/trace.(*batchSpanProcessor).processQueue"))
}

// service panics in its unary call where it is told to, and answers one message of a stream.
type service struct {
	person.UnimplementedSearchServiceServer
	panics bool
}

func (s service) Search(context.Context, *person.PersonReq) (*person.PersonRes, error) {
	if s.panics {
		panic("a panic")
	}
	return &person.PersonRes{}, nil
}

func (service) SearchIO(s grpc.BidiStreamingServer[person.PersonReq, person.PersonRes]) error {
	if _, err := s.Recv(); err != nil {
		return err
	}
	return s.Send(&person.PersonRes{Name: "answer"})
}

// What others offer does its work here: calls and streams pass, are logged once, and panics are caught.
func TestEcosystem(t *testing.T) {
	for _, name := range interceptor.Registered() {
		t.Run(name, func(t *testing.T) {
			names, err := interceptor.Parse(name)
			if err != nil {
				t.Fatal(err)
			}
			var log testkit.Log
			chain, err := interceptor.New(interceptor.Config{
				Names: names, Logger: slog.New(slog.NewJSONHandler(&log, nil)),
			})
			if err != nil {
				t.Fatal(err)
			}
			panics := name == "mw-recovery"
			server := grpc.NewServer(interceptor.Options(chain)...)
			person.RegisterSearchServiceServer(server, service{panics: panics})
			client := person.NewSearchServiceClient(testkit.Serve(t, server))
			_, err = client.Search(testkit.Context(t), &person.PersonReq{})
			if want := map[bool]codes.Code{true: codes.Internal}[panics]; status.Code(err) != want {
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
			if name == "mw-logging" {
				for strings.Count(log.String(), `"msg":"finished call"`) < 2 {
					time.Sleep(time.Millisecond) // the server logs a stream after the client heard of its end
				}
			}
		})
	}
}
