package rest_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
)

// A server of another kind is told as what it seems to be.
func TestServersOfAnotherKind(t *testing.T) {
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = discard
	secure.StartTLS()
	t.Cleanup(secure.Close)
	lis := listen(t)
	g := grpc.NewServer()
	go g.Serve(lis) //nolint:errcheck // it ends with Stop
	t.Cleanup(g.Stop)
	web := plain(t, func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "<h1>Down\r\nfor today</h1>", http.StatusServiceUnavailable)
	})
	for _, tt := range []struct{ reason, addr, says string }{
		{"one that speaks TLS", secure.Listener.Addr().String(), "did you mean -tls?"},
		{"a gRPC server", lis.Addr().String(), "-transport grpc"},
		{"a web server, by what it says", web, "HTTP status 503: <h1>Down for today</h1>"},
	} {
		// A gRPC server speaks first: where that is in before the request is out net/http says less.
		call := one(t, dialer, tt.addr, get, source{method: http.MethodGet})
		for tries := 0; tries < 50 && !strings.Contains(call.Message, tt.says); tries++ {
			call = one(t, dialer, tt.addr, get, source{method: http.MethodGet})
		}
		if call.Code == codes.OK || !strings.Contains(call.Message, tt.says) {
			t.Errorf("%s: the call ended %v %q, want it to say %q", tt.reason, call.Code, call.Message, tt.says)
		}
	}
}

// A certificate that the server asks for, and that it is content without, are both no failure.
func TestCertificateThatIsAskedFor(t *testing.T) {
	pair, _, _, pool := certificate(t)
	for _, own := range [][]tls.Certificate{nil, {pair}} {
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if len(r.TLS.PeerCertificates) != len(own) {
				t.Errorf("it got %d certificates, want %d", len(r.TLS.PeerCertificates), len(own))
			}
			_, _ = w.Write([]byte(`{"name":"我收到了n7的信息","age":36,"body":{"name":"hi"}}`))
		}))
		s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequestClientCert}
		s.StartTLS()
		t.Cleanup(s.Close)
		d := dialer
		d.TLS = &tls.Config{RootCAs: pool, Certificates: own}
		if call := one(t, d, s.Listener.Addr().String(), get, source{method: http.MethodGet}); call.Code != codes.OK {
			t.Errorf("the call ended %v %q", call.Code, call.Message)
		}
	}
}
