package grpcconn_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"grpcbench/loadgen/transport/grpcconn"
	"grpcbench/server/testkit"
)

// certificate is one for 127.0.0.1 and example.com, and a pool that trusts it: httptest's own.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return s.TLS.Certificates[0], pool
}

func tellAuthority(seen chan<- string) grpc.StreamHandler {
	return func(_ any, s grpc.ServerStream) error {
		seen <- strings.Join(metadata.ValueFromIncomingContext(s.Context(), ":authority"), ",")
		return echo(nil, s)
	}
}

func serveTLS(t *testing.T, handler grpc.StreamHandler, c *tls.Config) string {
	t.Helper()
	return serve(t, handler, grpc.Creds(credentials.NewTLS(c)))
}

func TestTLS(t *testing.T) {
	pair, pool := certificate(t)
	addr := serveTLS(t, echo, &tls.Config{Certificates: []tls.Certificate{pair}})
	for _, spec := range kinds {
		call, _ := one(t, addr, spec, source{}, grpcconn.Options{TLS: &tls.Config{RootCAs: pool}})
		if call.Code != codes.OK {
			t.Errorf("%v: the call ended %v %q", spec.Kind, call.Code, call.Message)
		}
	}
}

// A name other than the address's is verified, and sent.
func TestTLSVerifiesTheAuthority(t *testing.T) {
	pair, pool := certificate(t)
	seen := make(chan string, 1)
	addr := serveTLS(t, tellAuthority(seen), &tls.Config{Certificates: []tls.Certificate{pair}})
	o := grpcconn.Options{TLS: &tls.Config{RootCAs: pool, ServerName: "example.com"}, Authority: "example.com"}
	if call, _ := one(t, addr, kinds[0], source{}, o); call.Code != codes.OK {
		t.Errorf("the call ended %v %q", call.Code, call.Message)
	}
	if got := <-seen; got != "example.com" {
		t.Errorf("the server sees the authority %q", got)
	}
}

func TestMutualTLS(t *testing.T) {
	pair, pool := certificate(t)
	var presented int
	addr := serveTLS(t, func(_ any, s grpc.ServerStream) error {
		p, _ := peer.FromContext(s.Context())
		info, _ := p.AuthInfo.(credentials.TLSInfo)
		presented = len(info.State.PeerCertificates)
		return echo(nil, s)
	}, &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAnyClientCert})
	call, _ := one(t, addr, kinds[0], source{},
		grpcconn.Options{TLS: &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}}})
	if call.Code != codes.OK || presented != 1 {
		t.Errorf("the call ended %v %q, with %d certificates", call.Code, call.Message, presented)
	}
}

// A handshake that fails says so, at once, with the address and the cause.
func TestHandshakeErrors(t *testing.T) {
	pair, pool := certificate(t)
	secure := serveTLS(t, echo, &tls.Config{Certificates: []tls.Certificate{pair}})
	mutual := serveTLS(t, echo, &tls.Config{
		Certificates: []tls.Certificate{pair},
		ClientAuth:   tls.RequireAnyClientCert, MaxVersion: tls.VersionTLS12,
	})
	mutual13 := serveTLS(t, echo, &tls.Config{
		Certificates: []tls.Certificate{pair},
		ClientAuth:   tls.RequireAnyClientCert,
	})
	noALPN := listen(t, "127.0.0.1:0")
	accept(t, noALPN, func(c net.Conn) {
		_ = tls.Server(c,
			&tls.Config{Certificates: []tls.Certificate{pair}}).Handshake()
	})
	plain := serve(t, echo)
	for _, tt := range []struct {
		reason, addr string
		config       *tls.Config
		names        string
	}{
		{"an unknown authority", secure, &tls.Config{RootCAs: x509.NewCertPool()}, "unknown authority"},
		{"another name", secure, &tls.Config{RootCAs: pool, ServerName: "other.example.org"}, "other.example.org"},
		{"no client certificate", mutual, &tls.Config{RootCAs: pool}, "handshake"},
		// a write may fail before the alert is read
		{"no client certificate, told after TLS 1.3's handshake", mutual13, &tls.Config{RootCAs: pool}, ""},
		{"TLS to a plaintext server", plain, &tls.Config{RootCAs: pool}, "handshake"},
		{"plaintext to a TLS server", secure, nil, ""},
		{"a server without HTTP/2", noALPN.Addr().String(), &tls.Config{RootCAs: pool}, "ALPN"},
	} {
		t.Run(strings.ReplaceAll(tt.reason, " ", "_"), func(t *testing.T) {
			began := time.Now()
			cc, err := grpcconn.Connect(testkit.Context(t), tt.addr,
				grpcconn.Options{Timeout: patience, TLS: tt.config})
			if err == nil {
				cc.Close()
				t.Fatal("it connected")
			}
			if !strings.Contains(err.Error(), tt.addr) || !strings.Contains(err.Error(), tt.names) {
				t.Errorf("%v: does not name %s and %q", err, tt.addr, tt.names)
			}
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("it took %v: %v", took, err)
			}
		})
	}
}
