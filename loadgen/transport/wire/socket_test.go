package wire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/encoding"

	"grpcbench/loadgen/series"
	"grpcbench/loadgen/transport"
)

// bytesCodec passes messages as they are.
type bytesCodec struct{}

// tests send nothing else
func (bytesCodec) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil } //nolint:forcetypeassert

func (bytesCodec) Unmarshal(b []byte, v any) error {
	*v.(*[]byte) = append([]byte(nil), b...) //nolint:forcetypeassert // as above
	return nil
}
func (bytesCodec) Name() string { return "bytes" }

var _ encoding.Codec = bytesCodec{}

// serveGRPC runs grpc-go's server, which answers each message with itself, and a request without any with nothing.
func serveGRPC(t *testing.T, lis net.Listener, kind transport.Kind, opts ...grpc.ServerOption) *grpc.Server {
	t.Helper()
	s := grpc.NewServer(append(opts, grpc.ForceServerCodec(bytesCodec{}), grpc.WaitForHandlers(true),
		grpc.UnknownServiceHandler(func(_ any, s grpc.ServerStream) error {
			var b []byte
			for n := 0; ; n++ {
				err := s.RecvMsg(&b)
				switch {
				case errors.Is(err, io.EOF) && kind == transport.ClientStream:
					return s.SendMsg(&b)
				case errors.Is(err, io.EOF):
					return nil
				case err != nil:
					return err
				}
				if kind == transport.ServerStream {
					for range 3 {
						if err := s.SendMsg(&b); err != nil {
							return err
						}
					}
				} else if kind != transport.ClientStream {
					if err := s.SendMsg(&b); err != nil {
						return err
					}
				}
			}
		}))...)
	var serving sync.WaitGroup
	serving.Go(func() { _ = s.Serve(lis) })
	t.Cleanup(func() { s.Stop(); serving.Wait() })
	return s
}

func listen(t *testing.T, network, addr string) net.Listener {
	t.Helper()
	lis, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	return lis
}

// runner is a closed loop of so many calls.
type runner struct {
	conn transport.Conn
	left atomic.Int64
	all  sync.WaitGroup
	mu   sync.Mutex
	ends map[string]int
}

func (*runner) Message(*transport.Call, series.Series, int64) {}

func (r *runner) Done(c *transport.Call) {
	r.mu.Lock()
	what := c.Code.String()
	if c.Code != codes.OK {
		what += ": " + c.Message
	}
	r.ends[what]++
	r.mu.Unlock()
	if r.left.Add(-1) >= 0 {
		c.Reset()
		c.Seq++
		if r.conn.Start(c) == nil {
			return
		}
	}
	r.all.Done()
}

// run makes calls by so many goroutines, each of which starts and flushes some while the connection's reader works.
func (r *runner) run(t *testing.T, goroutines, workers int, calls int64) map[string]int {
	t.Helper()
	r.ends = map[string]int{}
	r.left.Store(calls)
	var starting sync.WaitGroup
	for g := range goroutines {
		starting.Go(func() {
			for w := range workers {
				r.all.Add(1)
				if err := r.conn.Start(&transport.Call{Worker: uint16(g*workers + w), Owner: r}); err != nil {
					t.Error(err)
					r.all.Done()
				}
				r.conn.Flush()
			}
		})
	}
	starting.Wait()
	r.all.Wait()
	return r.ends
}

// Over real sockets, against grpc-go's server: every kind, small and large messages, with and without a deadline.
func TestAgainstGRPC(t *testing.T) {
	for _, tt := range []struct {
		name  string
		spec  transport.Spec
		size  int
		calls int64
	}{
		{"unary", transport.Spec{Timeout: time.Minute}, 10, 2000},
		{"unary, large", transport.Spec{}, 1 << 20, 30},
		{"client stream", transport.Spec{Kind: transport.ClientStream, Send: 5, Timeout: time.Minute}, 100_000, 50},
		{"server stream", transport.Spec{Kind: transport.ServerStream}, 300_000, 30},
		{"server stream, received", transport.Spec{Kind: transport.ServerStream, Receive: 2}, 1000, 300},
		{"bidi", transport.Spec{Kind: transport.Bidi, Send: 4}, 70_000, 50},
	} {
		t.Run(tt.name, func(t *testing.T) {
			lis := listen(t, "tcp", "127.0.0.1:0")
			serveGRPC(t, lis, tt.spec.Kind, grpc.MaxConcurrentStreams(5))
			tt.spec.Method = "/test.Service/Method"
			c, err := (&Dialer{Timeout: 10 * time.Second}).Dial(t.Context(), lis.Addr().String(),
				transport.One(tt.spec, source{size: tt.size}))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			r := &runner{conn: c}
			if ends := r.run(t, 2, 4, tt.calls); int64(ends["OK"]) != tt.calls+8 || len(ends) != 1 {
				t.Errorf("%v: want %d of OK", ends, tt.calls+8)
			}
		})
	}
}

// A server that restarts again and again: calls fail or are retried, and each ends.
func TestServerRestarts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	s := serveGRPC(t, listen(t, "unix", path), transport.Unary)
	c, err := (&Dialer{Timeout: 10 * time.Second}).Dial(t.Context(), "unix:"+path,
		transport.One(transport.Spec{Method: "/a/b", Timeout: time.Minute}, source{}))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r := &runner{conn: c}
	over := make(chan map[string]int)
	go func() { over <- r.run(t, 2, 4, 1<<40) }()
	for i := range 4 {
		time.Sleep(50 * time.Millisecond)
		if i%2 == 0 {
			s.GracefulStop()
		} else {
			s.Stop()
		}
		s = serveGRPC(t, listen(t, "unix", path), transport.Unary)
	}
	time.Sleep(1500 * time.Millisecond) // longer than the longest delay
	r.left.Store(100)
	ends := <-over
	if ends["OK"] < 100 {
		t.Errorf("%v", ends)
	}
	for end := range ends {
		if end != "OK" && !strings.HasPrefix(end, "Unavailable: ") {
			t.Errorf("calls ended with %q", end)
		}
	}
}

// TLS: the certificate is verified and h2 is asked for.
func TestTLS(t *testing.T) {
	https := httptest.NewUnstartedServer(nil)
	https.EnableHTTP2 = true
	https.StartTLS()
	cert := https.TLS.Certificates[0]
	roots := x509.NewCertPool()
	roots.AddCert(https.Certificate())
	https.Close()
	for _, tt := range []struct {
		name   string
		reason string
		server *tls.Config
		client *tls.Config
		want   string
	}{
		{"good", "TLS 1.3 and h2", &tls.Config{NextProtos: []string{"h2"}}, &tls.Config{RootCAs: roots}, ""},
		{
			"name", "the name is the configuration's, where it has one", &tls.Config{NextProtos: []string{"h2"}},
			&tls.Config{RootCAs: roots, ServerName: "example.com"}, "",
		},
		{
			"wrong name", "it is verified", &tls.Config{NextProtos: []string{"h2"}},
			&tls.Config{RootCAs: roots, ServerName: "elsewhere.org"}, "TLS handshake: ",
		},
		{
			"unknown authority", "it is verified", &tls.Config{NextProtos: []string{"h2"}}, &tls.Config{},
			"TLS handshake: ",
		},
		{
			"other protocol", "h2 has to be chosen", &tls.Config{NextProtos: []string{"http/1.1"}},
			&tls.Config{RootCAs: roots}, "TLS handshake: ",
		},
		{
			"no ALPN", "as above, and the error says so", &tls.Config{}, &tls.Config{RootCAs: roots},
			`chose the protocol "" by ALPN: want h2`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.server.Certificates = []tls.Certificate{cert}
			lis := listen(t, "tcp", "127.0.0.1:0")
			if tt.want == "" {
				serveGRPC(t, lis, transport.Unary, grpc.Creds(credentials.NewTLS(tt.server)))
			} else {
				var serving sync.WaitGroup
				serving.Go(func() {
					if nc, err := lis.Accept(); err == nil {
						_ = tls.Server(nc, tt.server).HandshakeContext(context.Background())
						_, _ = io.Copy(io.Discard, nc)
						_ = nc.Close()
					}
				})
				defer serving.Wait()
				defer lis.Close()
			}
			c, err := (&Dialer{Timeout: 10 * time.Second, TLS: tt.client}).Dial(t.Context(), lis.Addr().String(),
				transport.One(transport.Spec{Method: "/a/b"}, source{size: 100_000}))
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("Dial: %v, want %q: %s", err, tt.want, tt.reason)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if ends := (&runner{conn: c}).run(t, 2, 3, 20); ends["OK"] != 26 || len(ends) != 1 {
				t.Errorf("%v, want OK: %s", ends, tt.reason)
			}
		})
	}
}

// A server that stops reading for a while gets all of a large request by and by, over a socket whose buffer is small.
func TestSocketThatTakesLittle(t *testing.T) {
	lis := listen(t, "tcp", "127.0.0.1:0")
	got := make(chan int, 1)
	go func() {
		nc, err := lis.Accept()
		if err != nil {
			got <- 0
			return
		}
		defer nc.Close()
		fr := http2.NewFramer(nc, nc)
		_ = fr.WriteSettings(setting(http2.SettingInitialWindowSize, 1<<30),
			setting(http2.SettingMaxFrameSize, 1<<24-1))
		_ = fr.WriteWindowUpdate(0, 1<<30)
		time.Sleep(100 * time.Millisecond)
		_, _ = io.ReadFull(nc, make([]byte, len(preface)))
		n := 0
		for {
			f, err := fr.ReadFrame()
			if err != nil {
				break
			}
			if d, ok := f.(*http2.DataFrame); ok {
				n += len(d.Data())
				if d.StreamEnded() {
					break
				}
			}
		}
		got <- n
		_, _ = io.Copy(io.Discard, nc)
	}()
	defer lis.Close()
	const size = 5 << 20
	c, err := (&Dialer{Timeout: 10 * time.Second}).Dial(t.Context(), lis.Addr().String(),
		transport.One(transport.Spec{Method: "/a/b"}, source{size: size}))
	if err != nil {
		t.Fatal(err)
	}
	r := &runner{conn: c, ends: map[string]int{}}
	r.all.Add(1)
	if err := c.Start(&transport.Call{Owner: r}); err != nil {
		t.Fatal(err)
	}
	c.Flush()
	if n := <-got; n != size+messageHead {
		t.Errorf("the server read %d bytes of the message, want %d", n, size+messageHead)
	}
	_ = c.Close()
	if r.all.Wait(); r.ends["Canceled: cut off at the end of the run"] != 1 {
		t.Errorf("%v", r.ends)
	}
}
