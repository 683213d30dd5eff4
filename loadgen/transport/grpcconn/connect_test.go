package grpcconn_test

import (
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"grpcbench/loadgen/transport"
	"grpcbench/loadgen/transport/grpcconn"
	"grpcbench/server/testkit"
)

// refused is an address of this machine that nothing listens on.
func refused(t *testing.T) string {
	t.Helper()
	lis := listen(t, "127.0.0.1:0")
	lis.Close()
	return lis.Addr().String()
}

// accept gives every connection to lis to handle, and closes it after that.
func accept(t *testing.T, lis net.Listener, handle func(net.Conn)) {
	t.Helper()
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := lis.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer conn.Close()
				handle(conn)
			})
		}
	})
	t.Cleanup(func() { lis.Close(); all.Wait() })
}

// Every error names the address and the real cause; one that time does not heal comes at once.
func TestConnectErrors(t *testing.T) {
	silent := listen(t, "127.0.0.1:0") // the kernel accepts, and nobody speaks
	defer silent.Close()
	http1 := listen(t, "127.0.0.1:0")
	accept(t, http1, func(c net.Conn) {
		_, _ = io.ReadFull(c, make([]byte, 24))
		_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
	})
	closing := listen(t, "127.0.0.1:0")
	accept(t, closing, func(net.Conn) {})
	nowhere := "unix:" + filepath.Join(t.TempDir(), "nowhere.sock")
	refusing := refused(t)
	for _, tt := range []struct {
		reason, addr string
		timeout      time.Duration
		names        string // beside the address
		within       time.Duration
	}{
		{"nothing listens", refusing, patience, "connection refused", time.Second},
		{"nothing listens, as a name to resolve", "dns:///" + refusing, patience, "connection refused", time.Second},
		{"no such socket", nowhere, patience, "no such file", time.Second},
		{"a name that does not exist", "nowhere.invalid:50051", patience, "nowhere.invalid", 10 * time.Second},
		{
			"a name that does not exist, by gRPC's resolver", "dns:///nowhere.invalid:50051", patience,
			"nowhere.invalid",
			10 * time.Second,
		},
		{"no port", "127.0.0.1", patience, "port", time.Second},
		{"an HTTP/1 server", http1.Addr().String(), patience, "", time.Second},
		{"a server that hangs up", closing.Addr().String(), patience, "", time.Second},
		{
			"a server that never speaks", silent.Addr().String(), 200 * time.Millisecond, "not ready in time",
			2 * time.Second,
		},
	} {
		t.Run(strings.ReplaceAll(tt.reason, " ", "_"), func(t *testing.T) {
			began := time.Now()
			cc, err := grpcconn.Connect(testkit.Context(t), tt.addr, grpcconn.Options{Timeout: tt.timeout})
			took := time.Since(began)
			if err == nil {
				cc.Close()
				t.Fatal("it connected")
			}
			if !strings.Contains(err.Error(), tt.addr) || !strings.Contains(err.Error(), tt.names) {
				t.Errorf("%v: does not name %s and %q", err, tt.addr, tt.names)
			}
			if strings.Contains(err.Error(), "Probe") {
				t.Errorf("%v: names a method that nobody called", err)
			}
			if took > tt.within {
				t.Errorf("it took %v, more than %v: %v", took, tt.within, err)
			}
		})
	}
}

// Dial is Connect, so far as errors go.
func TestDialNamesTheAddress(t *testing.T) {
	addr := refused(t)
	conn, err := grpcconn.Dialer{Options: grpcconn.Options{Timeout: patience}}.Dial(testkit.Context(t), addr,
		transport.One(transport.Spec{Method: method}, source{}))
	if err == nil {
		conn.Close()
		t.Fatal("it connected")
	}
	if !strings.Contains(err.Error(), addr) || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("%v: does not name %s and the cause", err, addr)
	}
}

// ^C ends the wait for a connection.
func TestConnectEndsWithItsContext(t *testing.T) {
	silent := listen(t, "127.0.0.1:0")
	defer silent.Close()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	began := time.Now()
	_, err := grpcconn.Connect(ctx, silent.Addr().String(), grpcconn.Options{Timeout: patience})
	if !errors.Is(err, context.Canceled) || time.Since(began) > 5*time.Second {
		t.Errorf("after %v: %v, want context.Canceled at once", time.Since(began), err)
	}
}

// Spelt as -addr takes them.
func TestAddresses(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "grpc.sock")
	lis, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	serveOn(t, lis, echo)
	tcp := serve(t, echo)
	t.Chdir(dir)
	for _, addr := range []string{
		tcp, "dns:///" + tcp, "passthrough:///" + tcp, "unix:" + path, "unix://" + path,
		"unix:grpc.sock",
	} {
		call, _ := one(t, addr, kinds[0], source{}, grpcconn.Options{})
		if call.Code != codes.OK {
			t.Errorf("%s: the call ended %v %q", addr, call.Code, call.Message)
		}
	}
}

// Authority is what the server sees as :authority.
func TestAuthority(t *testing.T) {
	seen := make(chan string, 1)
	addr := serve(t, tellAuthority(seen))
	for set, want := range map[string]string{"": addr, "api.example.com": "api.example.com"} {
		one(t, addr, kinds[0], source{}, grpcconn.Options{Authority: set})
		if got := <-seen; got != want {
			t.Errorf("authority %q: the server sees %q, want %q", set, got, want)
		}
	}
}
