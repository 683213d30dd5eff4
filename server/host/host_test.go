package host_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	alphapb "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
	"google.golang.org/grpc/status"

	"grpcbench/pb/users"
	"grpcbench/server/host"
	"grpcbench/server/testkit"
)

// wantCall checks that a call comes through.
func wantCall(t *testing.T, addr string) {
	t.Helper()
	got, err := users.NewUsersClient(dial(t, addr)).GetUser(testkit.Context(t),
		&users.UserGetRequest{Email: "jane@doe"})
	if err != nil || got.GetUser().GetLastName() != "doe" {
		t.Errorf("GetUser at %s: %v, %v", addr, got, err)
	}
}

func TestReadyLine(t *testing.T) {
	for _, tt := range []struct {
		reason string
		args   []string
		chain  []string
		http   bool
	}{
		{"alone", nil, []string{"recovery", "requestid", "logging", "metrics", "timeout"}, true},
		{
			"the chain in force, outermost first",
			[]string{"-interceptors=timeout,recovery"},
			[]string{"timeout", "recovery"},
			true,
		},
		{
			"with what faults bring",
			[]string{"-interceptors=recovery", "-inject=delay=1ms"},
			[]string{"recovery", "inject"},
			true,
		},
		{
			"with what the leave for them brings",
			[]string{"-interceptors=recovery", "-allow-inject"},
			[]string{"recovery", "inject"},
			true,
		},
		{"no interceptors", []string{"-interceptors=none"}, []string{}, true},
		{"no gateway", []string{"-interceptors=none", "-http="}, []string{}, false},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			r := start(t, tt.args...)
			if diff := cmp.Diff(tt.chain, r.ready.Interceptors); diff != "" {
				t.Errorf("interceptors (-want +got):\n%s", diff)
			}
			if r.ready.PID != os.Getpid() {
				t.Errorf("pid %d, want %d", r.ready.PID, os.Getpid())
			}
			if (r.ready.HTTP != "") != tt.http {
				t.Errorf("http %q", r.ready.HTTP)
			}
			wantCall(t, r.ready.Addr)
			r.terminate()
			r.wantEnd(t, 10*time.Second)
			if rest, err := r.stdout.ReadString('\n'); rest != "" {
				t.Errorf("more than one line on stdout: %q, %v", rest, err)
			}
		})
	}
}

func TestListen(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	for _, tt := range []struct{ reason, env, listen, prefix string }{
		{"a TCP address", "", "127.0.0.1:0", "127.0.0.1:"},
		{"all addresses: the ready line has one that can be dialled", "", ":0", "127.0.0.1:"},
		{"a Unix socket", "", "unix:" + socket, "unix:" + socket},
		{"the environment's, without a flag", "127.0.0.2:0", "", "127.0.0.2:"},
		{"a flag comes before the environment", "127.0.0.2:0", "127.0.0.1:0", "127.0.0.1:"},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			t.Setenv("LISTEN_ADDR", tt.env)
			args := []string{"-http=127.0.0.1:0"}
			if tt.listen != "" {
				args = append(args, "-listen="+tt.listen)
			}
			r := launch(t, args...)
			r.readLine(t, &r.ready)
			if !strings.HasPrefix(r.ready.Addr, tt.prefix) {
				t.Errorf("addr %q, want %s...", r.ready.Addr, tt.prefix)
			}
			wantCall(t, r.ready.Addr)
			// the gateway finds the listener too
			wantHTTP(t, plain(t), "http://"+r.ready.HTTP+"/healthz", `{"status":"SERVING"}`)
		})
	}
	if _, err := os.Stat(socket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left behind: %v", err)
	}
}

func TestListenFails(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, tt := range []struct{ reason, listen, http, says string }{
		{"the gRPC address is taken", taken.Addr().String(), "127.0.0.1:0", "listen for gRPC"},
		{"the HTTP address is taken", "127.0.0.1:0", taken.Addr().String(), "listen for HTTP"},
		{"an address that is none", "localhost", "127.0.0.1:0", "missing port"},
	} {
		err := <-launch(t, "-listen="+tt.listen, "-http="+tt.http).ended
		if usage := (*host.UsageError)(nil); err == nil || errors.As(err, &usage) ||
			!strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: Run: %v, want an error that says %q and is no *UsageError", tt.reason, err, tt.says)
		}
	}
}

// A target that is told to end before it has quite begun ends well all the same.
func TestEndsBeforeItBegan(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 100 {
		var out text
		out.also = t.Output()
		if err := host.Run(ctx, []string{"-listen=127.0.0.1:0", "-http=127.0.0.1:0"}, strings.NewReader(""), &out,
			&out); err != nil {
			t.Fatalf("Run: %v", err)
		}
	}
}

func TestHealth(t *testing.T) {
	client := healthpb.NewHealthClient(dial(t, start(t).ready.Addr))
	for _, name := range []string{"", "person.SearchService", "Repo", "Users"} {
		if got, err := client.Check(testkit.Context(t), &healthpb.HealthCheckRequest{Service: name}); err != nil ||
			got.GetStatus() != healthpb.HealthCheckResponse_SERVING {
			t.Errorf("Check(%q) = %v, %v, want SERVING", name, got, err)
		}
	}
	_, err := client.Check(testkit.Context(t), &healthpb.HealthCheckRequest{Service: "nobody"})
	if got := status.Convert(err); got.Code() != codes.NotFound || got.Message() != "unknown service" {
		t.Errorf("Check(nobody): %v, want NotFound: unknown service", err)
	}
}

func TestReflection(t *testing.T) {
	conn := dial(t, start(t).ready.Addr)
	want := []string{
		"Repo", "Users", "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
		"grpc.reflection.v1alpha.ServerReflection", "person.SearchService",
	}
	v1, err := reflectionpb.NewServerReflectionClient(conn).ServerReflectionInfo(testkit.Context(t))
	if err != nil {
		t.Fatal(err)
	}
	res, err := exchange(
		v1, &reflectionpb.ServerReflectionRequest{MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{}})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range res.GetListServicesResponse().GetService() {
		names = append(names, s.GetName())
	}
	if slices.Sort(names); !slices.Equal(names, want) {
		t.Errorf("v1 lists %q, want %q", names, want)
	}

	alpha, err := alphapb.NewServerReflectionClient(conn).ServerReflectionInfo(testkit.Context(t))
	if err != nil {
		t.Fatal(err)
	}
	old, err := exchange(
		alpha, &alphapb.ServerReflectionRequest{MessageRequest: &alphapb.ServerReflectionRequest_ListServices{}})
	if err != nil {
		t.Fatal(err)
	}
	names = nil
	for _, s := range old.GetListServicesResponse().GetService() {
		names = append(names, s.GetName())
	}
	if slices.Sort(names); !slices.Equal(names, want) {
		t.Errorf("v1alpha lists %q, want %q", names, want)
	}
}
