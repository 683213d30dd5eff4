package rest_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"grpcbench/loadgen/transport"
)

// discard is for servers that log what the tests do to them.
var discard = log.New(io.Discard, "", 0)

func listen(t *testing.T) net.Listener {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lis.Close() })
	return lis
}

// certificate is one for 127.0.0.1 and example.com, its PEM files, and a pool that trusts it: httptest's own.
func certificate(t *testing.T) (pair tls.Certificate, cert, key string, pool *x509.CertPool) {
	t.Helper()
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	pool = x509.NewCertPool()
	pool.AddCert(s.Certificate())
	pair = s.TLS.Certificates[0]
	private, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{
		cert: {Type: "CERTIFICATE", Bytes: pair.Certificate[0]}, key: {Type: "PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return pair, cert, key, pool
}

// An address that cannot be used is told before load starts, with the address and the cause.
func TestDialErrors(t *testing.T) {
	pair, _, _, pool := certificate(t)
	secure, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}})
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{ErrorLog: discard, ReadHeaderTimeout: patience}
	go s.Serve(secure) //nolint:errcheck // it ends with Close
	defer s.Close()
	refusing := listen(t)
	refusing.Close()
	mutual, err := tls.Listen("tcp", "127.0.0.1:0",
		&tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAnyClientCert})
	if err != nil {
		t.Fatal(err)
	}
	go s.Serve(mutual) //nolint:errcheck // as above
	silent := listen(t)
	nowhere := filepath.Join(t.TempDir(), "nowhere.sock")
	for _, tt := range []struct {
		reason, addr string
		tls          *tls.Config
		names        []string
		within       time.Duration
	}{
		{
			"nothing listens", refusing.Addr().String(), nil,
			[]string{refusing.Addr().String(), "connection refused"},
			time.Second,
		},
		{"no such socket", "unix:" + nowhere, nil, []string{nowhere, "no such file"}, time.Second},
		{"a name that does not exist", "nowhere.invalid:80", nil, []string{"nowhere.invalid"}, 10 * time.Second},
		{"no port", "127.0.0.1", nil, []string{"127.0.0.1", "port"}, time.Second},
		{
			"an unknown authority", secure.Addr().String(), &tls.Config{RootCAs: x509.NewCertPool()},
			[]string{secure.Addr().String(), "unknown authority"},
			time.Second,
		},
		{
			"another name", secure.Addr().String(), &tls.Config{RootCAs: pool, ServerName: "other.example.org"},
			[]string{secure.Addr().String(), "other.example.org"},
			time.Second,
		},
		{
			"no certificate, where one is wanted", mutual.Addr().String(), &tls.Config{RootCAs: pool},
			[]string{mutual.Addr().String(), "certificate required", "-cert and -key"},
			time.Second,
		},
		{
			"TLS to a server that never speaks", silent.Addr().String(), &tls.Config{RootCAs: pool},
			[]string{silent.Addr().String()},
			2 * time.Second,
		},
	} {
		t.Run(strings.ReplaceAll(tt.reason, " ", "_"), func(t *testing.T) {
			d := dialer
			d.TLS = tt.tls
			if tt.addr == silent.Addr().String() {
				d.Timeout = 200 * time.Millisecond
			}
			began := time.Now()
			conn, err := d.Dial(t.Context(), tt.addr, transport.One(get, source{}))
			if err == nil {
				conn.Close()
				t.Fatal("it connected")
			}
			for _, name := range tt.names {
				if !strings.Contains(err.Error(), name) {
					t.Errorf("%v: does not name %s", err, name)
				}
			}
			if took := time.Since(began); took > tt.within {
				t.Errorf("it took %v: %v", took, err)
			}
		})
	}
}

// A connection whose handshake failed is not left open.
func TestFailedHandshakeIsClosed(t *testing.T) {
	pair, _, _, _ := certificate(t)
	lis := listen(t)
	ended := make(chan error, 1)
	go func() {
		raw, err := lis.Accept()
		if err != nil {
			ended <- err
			return
		}
		defer raw.Close()
		_ = tls.Server(raw, &tls.Config{Certificates: []tls.Certificate{pair}}).Handshake()
		_ = raw.SetReadDeadline(time.Now().Add(2 * time.Second))
		_, err = io.Copy(io.Discard, raw)
		ended <- err
	}()
	d := dialer
	d.TLS = &tls.Config{RootCAs: x509.NewCertPool()}
	if _, err := d.Dial(t.Context(), lis.Addr().String(), transport.One(get, source{})); err == nil {
		t.Fatal("it connected")
	}
	if err := <-ended; err != nil {
		t.Errorf("the server's end of the connection: %v, want its end", err)
	}
}

func TestDialEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	d := dialer
	d.TLS = &tls.Config{RootCAs: x509.NewCertPool()}
	began := time.Now()
	if _, err := d.Dial(ctx, listen(t).Addr().String(), transport.One(get, source{})); err == nil ||
		time.Since(began) > 5*time.Second {
		t.Errorf("Dial: %v after %v, want an error at once", err, time.Since(began))
	}
}

func TestTLS(t *testing.T) {
	pair, cert, key, pool := certificate(t)
	addr, _ := gateway(t, "-tls-cert="+cert, "-tls-key="+key)
	mutual, _ := gateway(t, "-tls-cert="+cert, "-tls-key="+key, "-client-ca="+cert)
	for _, tt := range []struct {
		reason, addr string
		config       *tls.Config
		authority    string
	}{
		{"by its address", addr, &tls.Config{RootCAs: pool}, ""},
		{"by another name", addr, &tls.Config{RootCAs: pool, ServerName: "example.com"}, "example.com"},
		{"with a certificate", mutual, &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}}, ""},
	} {
		d := dialer
		d.TLS, d.Authority = tt.config, tt.authority
		call := one(t, d, tt.addr, get, source{method: http.MethodGet})
		if call.Code != codes.OK {
			t.Errorf("%s: the call ended %v %q", tt.reason, call.Code, call.Message)
		}
	}
}

// The connections of a run share the dialer's configuration, which net/http may not write to.
func TestTLSOfManyConnections(t *testing.T) {
	_, cert, key, pool := certificate(t)
	addr, _ := gateway(t, "-tls-cert="+cert, "-tls-key="+key)
	d := dialer
	d.TLS = &tls.Config{RootCAs: pool}
	l := newLedger()
	for w := range 4 {
		conn := dial(t, d, addr, get, source{method: http.MethodGet})
		begin(t, conn, &transport.Call{Worker: uint16(w), Seq: uint64(w), Owner: l})
	}
	for _, c := range l.wait(t, 4) {
		if c.Code != codes.OK {
			t.Errorf("the call ended %v %q", c.Code, c.Message)
		}
	}
	if len(d.TLS.NextProtos) > 0 {
		t.Errorf("the dialer's configuration was changed: it now names the protocols %q", d.TLS.NextProtos)
	}
}

func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "http.sock")
	gateway(t, "-http=unix:"+path)
	if call := one(t, dialer, "unix:"+path, get, source{method: http.MethodGet}); call.Code != codes.OK {
		t.Errorf("the call ended %v %q", call.Code, call.Message)
	}
}

// The name to verify does not come from the socket's path.
func TestUnixSocketOverTLS(t *testing.T) {
	_, cert, key, pool := certificate(t)
	path := filepath.Join(t.TempDir(), "http.sock")
	gateway(t, "-http=unix:"+path, "-tls-cert="+cert, "-tls-key="+key)
	d := dialer
	d.TLS, d.Authority = &tls.Config{RootCAs: pool, ServerName: "example.com"}, "example.com"
	if call := one(t, d, "unix:"+path, get, source{method: http.MethodGet}); call.Code != codes.OK {
		t.Errorf("by a given name: the call ended %v %q", call.Code, call.Message)
	}
	d.TLS, d.Authority = &tls.Config{InsecureSkipVerify: true}, "" //nolint:gosec // as -insecure-skip-verify does
	if call := one(t, d, "unix:"+path, get, source{method: http.MethodGet}); call.Code != codes.OK {
		t.Errorf("without verification: the call ended %v %q", call.Code, call.Message)
	}
}
