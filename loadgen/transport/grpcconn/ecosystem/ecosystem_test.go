package ecosystem_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"grpcbench/loadgen/transport/grpcconn"
	_ "grpcbench/loadgen/transport/grpcconn/ecosystem"
	"grpcbench/pb/person"
	"grpcbench/server/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// service answers a call, and each message of a stream.
type service struct {
	person.UnimplementedSearchServiceServer
}

func (service) Search(_ context.Context, r *person.PersonReq) (*person.PersonRes, error) {
	return &person.PersonRes{Name: r.GetName()}, nil
}

func (service) SearchIO(s grpc.BidiStreamingServer[person.PersonReq, person.PersonRes]) error {
	for {
		r, err := s.Recv()
		if err != nil {
			return nil //nolint:nilerr // the client sends no more
		}
		if err := s.Send(&person.PersonRes{Name: r.GetName()}); err != nil {
			return err
		}
	}
}

// What others offer does its work here: calls and streams pass, and are logged once by the one that logs.
func TestEcosystem(t *testing.T) {
	names := grpcconn.Registered()
	if len(names) < 3 {
		t.Fatalf("only %q are there", names)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			lis, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			server := grpc.NewServer()
			person.RegisterSearchServiceServer(server, service{})
			served := make(chan error, 1)
			go func() { served <- server.Serve(lis) }()
			defer func() { server.Stop(); <-served }()
			var log testkit.Log
			chain, err := grpcconn.Interceptors([]string{name}, 1, prometheus.NewRegistry(),
				slog.New(slog.NewJSONHandler(&log, nil)))
			if err != nil || len(chain) != 1 || chain[0].Name != name {
				t.Fatalf("the chain is %+v (%v)", chain, err)
			}
			opts := []grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}
			if h := chain[0].Stats; h != nil {
				opts = append(opts, grpc.WithStatsHandler(h))
			} else {
				opts = append(opts, grpc.WithUnaryInterceptor(chain[0].Unary),
					grpc.WithStreamInterceptor(chain[0].Stream))
			}
			conn, err := grpc.NewClient(lis.Addr().String(), opts...)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			client := person.NewSearchServiceClient(conn)
			if r, err := client.Search(testkit.Context(t), &person.PersonReq{Name: "one"}); err != nil ||
				r.GetName() != "one" {
				t.Errorf("the call's answer: %v, %v", r, err)
			}
			s, err := client.SearchIO(testkit.Context(t))
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Send(&person.PersonReq{Name: "two"}); err != nil {
				t.Fatal(err)
			}
			if r, err := s.Recv(); err != nil || r.GetName() != "two" {
				t.Errorf("the stream's answer: %v, %v", r, err)
			}
			if err := s.CloseSend(); err != nil {
				t.Error(err)
			}
			if _, err := s.Recv(); err != io.EOF { //nolint:errorlint // as grpc-go has it
				t.Errorf("the stream's end: %v", err)
			}
			want := map[bool]int{true: 2}[name == "mw-logging"]
			if got := strings.Count(log.String(), `"msg":"finished call"`); got != want {
				t.Errorf("%d calls are logged, want %d: %s", got, want, log.String())
			}
		})
	}
}
