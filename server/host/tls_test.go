package host_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"grpcbench/pb/users"
	"grpcbench/server/host"
	"grpcbench/server/testkit"
)

// TestTLS runs each client against a TLS target and an mTLS one, over gRPC and over REST.
func TestTLS(t *testing.T) {
	ours, clients, strangers := testkit.NewAuthority(t, "ours"), testkit.NewAuthority(t, "clients"),
		testkit.NewAuthority(t, "strangers")
	serverPair, cert, key := ours.Issue(t, "server", x509.ExtKeyUsageServerAuth)
	good, _, _ := clients.Issue(t, "good", x509.ExtKeyUsageClientAuth)
	stranger, _, _ := strangers.Issue(t, "stranger", x509.ExtKeyUsageClientAuth)
	misused, _, _ := clients.Issue(t, "misused", x509.ExtKeyUsageServerAuth)
	otherServer, _, _ := ours.Issue(t, "other", x509.ExtKeyUsageServerAuth)

	for _, tt := range []struct {
		reason string
		mutual bool
		config *tls.Config
		ok     bool
	}{
		{"TLS asks for no certificate", false, &tls.Config{RootCAs: ours.Pool}, true},
		{"TLS minds none", false, &tls.Config{RootCAs: ours.Pool, Certificates: []tls.Certificate{good}}, true},
		{"the client finds out a server of another authority", false, &tls.Config{RootCAs: strangers.Pool}, false},
		{"plaintext is no TLS", false, nil, false},
		{
			"mTLS takes a certificate of the clients' authority", true,
			&tls.Config{RootCAs: ours.Pool, Certificates: []tls.Certificate{good}}, true,
		},
		{"mTLS refuses a client without a certificate", true, &tls.Config{RootCAs: ours.Pool}, false},
		{
			"mTLS refuses another authority's", true,
			&tls.Config{RootCAs: ours.Pool, GetClientCertificate: present(stranger)}, false,
		},
		{
			"mTLS refuses a certificate that is not for clients", true,
			&tls.Config{RootCAs: ours.Pool, GetClientCertificate: present(misused)}, false,
		},
		{
			"mTLS refuses a certificate beside the server's", true,
			&tls.Config{RootCAs: ours.Pool, GetClientCertificate: present(otherServer)}, false,
		},
		{
			"only whoever holds the server's key is the gateway", true,
			&tls.Config{RootCAs: ours.Pool, GetClientCertificate: present(serverPair)}, true,
		},
		{"TLS 1.1 is too old", false, &tls.Config{
			RootCAs: ours.Pool, MinVersion: tls.VersionTLS10,
			MaxVersion: tls.VersionTLS11,
		}, false},
		{"TLS 1.2 is not", true, &tls.Config{
			RootCAs: ours.Pool, Certificates: []tls.Certificate{good},
			MaxVersion: tls.VersionTLS12,
		}, true},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			args := []string{"-tls-cert=" + cert, "-tls-key=" + key}
			if tt.mutual {
				args = append(args, "-client-ca="+clients.File("ca.pem"))
			}
			r := start(t, args...)
			var creds []credentials.TransportCredentials
			if tt.config != nil {
				creds = append(creds, credentials.NewTLS(tt.config.Clone()))
			}
			_, err := users.NewUsersClient(dial(t, r.ready.Addr, creds...)).GetUser(testkit.Context(t),
				&users.UserGetRequest{Email: "jane@doe"})
			if want := map[bool]codes.Code{true: codes.OK, false: codes.Unavailable}[tt.ok]; status.Code(err) != want {
				t.Errorf("gRPC: %v, want %v", err, want)
			}

			if tt.config == nil {
				return
			}
			client := httpClient(t, &http.Transport{TLSClientConfig: tt.config.Clone()})
			res, err := client.Get("https://" + r.ready.HTTP + "/api/person/jane/7/doe")
			if err == nil {
				res.Body.Close()
			}
			if ok := err == nil && res.StatusCode == http.StatusOK; ok != tt.ok {
				t.Errorf("REST: %v, %v, want OK: %t", res, err, tt.ok)
			}
		})
	}
}

// present offers the certificate whatever authorities the server asks for.
func present(c tls.Certificate) func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	return func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &c, nil }
}

func TestTLSOverUnixSocket(t *testing.T) {
	ours := testkit.NewAuthority(t, "ours")
	_, cert, key := ours.Issue(t, "server", x509.ExtKeyUsageServerAuth)
	r := start(t, "-listen=unix:"+filepath.Join(t.TempDir(), "s"), "-tls-cert="+cert, "-tls-key="+key,
		"-client-ca="+ours.File("ca.pem"))
	good, _, _ := ours.Issue(t, "good", x509.ExtKeyUsageClientAuth)
	client := httpClient(t, &http.Transport{TLSClientConfig: &tls.Config{
		RootCAs:      ours.Pool,
		Certificates: []tls.Certificate{good},
	}})
	wantHTTP(t, client, "https://"+r.ready.HTTP+"/healthz", `{"status":"SERVING"}`)
}

// What the HTTP server has to say belongs to the target's log, not to the process's.
func TestHandshakesThatFailAreLogged(t *testing.T) {
	ours := testkit.NewAuthority(t, "ours")
	_, cert, key := ours.Issue(t, "server", x509.ExtKeyUsageServerAuth)
	r := start(t, "-tls-cert="+cert, "-tls-key="+key)
	client := httpClient(t, &http.Transport{TLSClientConfig: &tls.Config{RootCAs: x509.NewCertPool()}})
	if res, err := client.Get("https://" + r.ready.HTTP + "/healthz"); err == nil {
		res.Body.Close()
		t.Error("the client trusts a server of an unknown authority")
	}
	r.terminate()
	r.wantEnd(t, 10*time.Second)
	if log := r.stderr.String(); !strings.Contains(log, "TLS handshake error") {
		t.Errorf("the target's log holds nothing of it: %q", log)
	}
}

func TestTLSFiles(t *testing.T) {
	ours := testkit.NewAuthority(t, "ours")
	_, cert, key := ours.Issue(t, "server", x509.ExtKeyUsageServerAuth)
	_, _, otherKey := ours.Issue(t, "other", x509.ExtKeyUsageServerAuth)
	for _, tt := range []struct{ reason, cert, key, ca, says string }{
		{"no such certificate", "nosuch.pem", key, "", "nosuch.pem"},
		{"a key of another certificate", cert, otherKey, "", "certificate"},
		{"no such CA", cert, key, "nosuch.pem", "nosuch.pem"},
		{"a CA that is none", cert, key, key, key},
	} {
		err := <-launch(t, "-listen=127.0.0.1:0", "-http=127.0.0.1:0", "-tls-cert="+tt.cert, "-tls-key="+tt.key,
			"-client-ca="+tt.ca).ended
		if usage := (*host.UsageError)(nil); err == nil || errors.As(err, &usage) ||
			!strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: Run: %v, want an error that says %s", tt.reason, err, tt.says)
		}
	}
}
