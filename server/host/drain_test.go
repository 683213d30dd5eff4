package host_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"grpcbench/pb/person"
	"grpcbench/pb/users"
	"grpcbench/server/testkit"
)

// openStream has a SearchIO stream in flight; without the timeout interceptor it may last.
func openStream(ctx context.Context, t *testing.T, addr string) person.SearchService_SearchIOClient {
	t.Helper()
	s, err := person.NewSearchServiceClient(dial(t, addr)).SearchIO(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := exchange(s, &person.PersonReq{Name: "1"}); err != nil {
		t.Fatal(err)
	}
	return s
}

// watch follows the target's health from SERVING on; the function waits for NOT_SERVING and then hangs up.
func watch(t *testing.T, addr string) (draining func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(testkit.Context(t))
	t.Cleanup(cancel)
	w, err := healthpb.NewHealthClient(dial(t, addr)).Watch(ctx,
		&healthpb.HealthCheckRequest{Service: "person.SearchService"})
	if err != nil {
		t.Fatal(err)
	}
	next := func(want healthpb.HealthCheckResponse_ServingStatus) {
		t.Helper()
		if got, err := w.Recv(); err != nil || got.GetStatus() != want {
			t.Errorf("health: %v, %v, want %v", got.GetStatus(), err, want)
		}
	}
	next(healthpb.HealthCheckResponse_SERVING)
	return func() {
		t.Helper()
		next(healthpb.HealthCheckResponse_NOT_SERVING)
		cancel()
	}
}

func TestDrainLetsAStreamEnd(t *testing.T) {
	r := start(t, "-interceptors=none", "-drain=1h")
	s := openStream(testkit.Context(t), t, r.ready.Addr)
	draining := watch(t, r.ready.Addr)
	r.terminate()
	draining()

	if got, err := exchange(s, &person.PersonReq{Name: "2"}); err != nil || got.GetName() != "I got it2" {
		t.Errorf("a message while draining: %v, %v", got, err)
	}
	select {
	case err := <-r.ended:
		t.Errorf("the target ended (%v) with a call in flight", err)
	default:
	}
	if err := s.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("the stream ended with %v, want OK", err)
	}
	r.wantEnd(t, 10*time.Second)

	ctx, cancel := context.WithTimeout(testkit.Context(t), 5*time.Second)
	defer cancel()
	if _, err := users.NewUsersClient(dial(t, r.ready.Addr)).GetUser(ctx,
		&users.UserGetRequest{Email: "a@b"}); status.Code(err) != codes.Unavailable {
		t.Errorf("a call after the end: %v, want Unavailable", err)
	}
}

// A unary call, and one that came through the gateway, are in flight while the target drains.
func TestDrainLetsCallsEnd(t *testing.T) {
	for _, tt := range []struct {
		reason string
		call   func(t *testing.T, r *running) error
	}{
		{"unary", func(t *testing.T, r *running) error {
			_, err := person.NewSearchServiceClient(dial(t, r.ready.Addr)).Search(testkit.Context(t),
				&person.PersonReq{})
			return err
		}},
		{"REST", rest},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			r := start(t, "-interceptors=metrics", "-drain=1h", "-inject=delay=300ms")
			answered := make(chan error, 1)
			go func() { answered <- tt.call(t, r) }()
			waitForSearch(t, r)
			r.terminate()
			if err := <-answered; err != nil {
				t.Errorf("the call in flight: %v", err)
			}
			r.wantEnd(t, 10*time.Second)
		})
	}
}

// rest makes one REST call; it may run in a goroutine of its own.
func rest(t *testing.T, r *running) error {
	t.Helper()
	res, err := plain(t).Get("http://" + r.ready.HTTP + "/api/person")
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return errors.New(res.Status)
	}
	return nil
}

// waitForSearch returns once the metrics interceptor has seen a call of Search begin.
func waitForSearch(t *testing.T, r *running) {
	t.Helper()
	client, ctx := plain(t), testkit.Context(t)
	for ctx.Err() == nil {
		if _, page := get(t, client, "http://"+r.ready.HTTP+"/metrics"); strings.Contains(page,
			`grpc_server_started_total{grpc_method="Search"`) {
			return
		}
	}
	t.Fatal("no call of Search began")
}

func TestDrainEnds(t *testing.T) {
	for _, tt := range []struct {
		reason string
		args   []string
	}{
		{"after -drain a stream that does not end is stopped", []string{"-drain=100ms"}},
		{"-drain=0s waits for nothing", []string{"-drain=0s"}},
		{"without a gateway too", []string{"-drain=100ms", "-http="}},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			r := start(t, append([]string{"-interceptors=none"}, tt.args...)...)
			s := openStream(testkit.Context(t), t, r.ready.Addr)
			r.terminate()
			if _, err := s.Recv(); status.Code(err) != codes.Unavailable {
				t.Errorf("the stream ended with %v, want Unavailable", err)
			}
			r.wantEnd(t, 10*time.Second)
		})
	}
}

// A REST call that does not end holds the target no longer than -drain either.
func TestDrainEndsTheGatewaysCalls(t *testing.T) {
	r := start(t, "-interceptors=metrics", "-drain=100ms", "-inject=delay=1h")
	ended := make(chan error, 1)
	go func() { ended <- rest(t, r) }()
	waitForSearch(t, r)
	r.terminate()
	r.wantEnd(t, 10*time.Second)
	if err := <-ended; err == nil {
		t.Error("a call that takes an hour was answered")
	}
}
