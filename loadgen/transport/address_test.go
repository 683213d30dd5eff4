package transport_test

import (
	"strings"
	"testing"

	"grpcbench/loadgen/transport"
)

func TestParseAddress(t *testing.T) {
	for _, tt := range []struct {
		reason, addr, network, dial, authority, host, refused string
	}{
		{"a name", "shop:50051", "tcp", "shop:50051", "shop:50051", "shop", ""},
		{"an IPv4 address", "127.0.0.1:1", "tcp", "127.0.0.1:1", "127.0.0.1:1", "127.0.0.1", ""},
		{"an IPv6 address", "[::1]:1", "tcp", "[::1]:1", "[::1]:1", "::1", ""},
		{
			"with a zone, which no server hears of", "[fe80::1%lo]:1", "tcp", "[fe80::1%lo]:1", "[fe80::1]:1",
			"fe80::1",
			"",
		},
		{"any of this machine's", ":50051", "tcp", ":50051", ":50051", "", ""},
		{"grpc-go's way to name a name", "dns:///shop:1", "tcp", "shop:1", "shop:1", "shop", ""},
		{"in short", "dns:shop:1", "tcp", "shop:1", "shop:1", "shop", ""},
		{"with a DNS server", "dns://8.8.8.8/shop:1", "tcp", "shop:1", "shop:1", "shop", ""},
		{"a socket", "unix:a/b.sock", "unix", "a/b.sock", "localhost", "localhost", ""},
		{"a socket, as a URL", "unix:///run/a.sock", "unix", "/run/a.sock", "localhost", "localhost", ""},
		{"a socket without a file", "unix-abstract:shop", "unix", "@shop", "localhost", "localhost", ""},
		{"a browser's", "http://shop:1/", "", "", "", "", "as shop:1"},
		{"a browser's, secure", "https://shop:1", "", "", "", "", "as shop:1 with -tls"},
		{"of other tools", "grpc://shop:1", "", "", "", "", "as shop:1"},
		{"no port", "shop", "", "", "", "", "missing port"},
		{"an empty one", "shop:", "", "", "", "", "no port"},
		{"no path", "unix:", "", "", "", "", "path"},
	} {
		a, err := transport.ParseAddress(tt.addr)
		if tt.refused != "" {
			if err == nil || !strings.Contains(err.Error(), tt.refused) {
				t.Errorf("%s: %q: %v, want an error that says %q", tt.reason, tt.addr, err, tt.refused)
			}
			continue
		}
		want := transport.Address{Network: tt.network, Dial: tt.dial, Authority: tt.authority, Host: tt.host}
		if err != nil || a != want {
			t.Errorf("%s: %q is %+v (%v), want %+v", tt.reason, tt.addr, a, err, want)
		}
	}
	if a, err := transport.ParseAddress("xds:///shop"); err != nil || a.Scheme != "xds" {
		t.Errorf("xds:///shop is %+v (%v): it is grpc-go's to resolve", a, err)
	}
}

// What a failed connection may be about, by what it says.
func TestExplain(t *testing.T) {
	for _, tt := range []struct {
		reason string
		text   string
		tls    bool
		want   string // "" is no hint
	}{
		{"grpc-go, plaintext to TLS", "error reading server preface: EOF", false, "-tls?"},
		{"wire, plaintext to TLS", "the connection ended before the server's SETTINGS: EOF", false, "-tls?"},
		{"the same, reset", "error reading server preface: read tcp: connection reset by peer", false, "-tls?"},
		{"TLS to plaintext", "tls: first record does not look like a TLS handshake", true, "without -tls"},
		{
			"HTTP/1.1", `the server does not speak HTTP/2 here: it says "HTTP/1.1 400 Bad Request"`, false,
			"-transport rest",
		},
		{
			"HTTP/1.1, as grpc-go has it",
			`error reading server preface: http2: failed reading the frame payload: http2: frame too large, note that the frame header looked like an HTTP/1.1 header`, false, "-transport rest",
		},
		{
			"a gRPC server at -transport rest",
			`net/http: HTTP/1.x transport connection broken: malformed HTTP response "\x00\x00\x06\x04\x00"`, false,
			"-transport grpc",
		},
		{"a TLS alert to plaintext", `malformed HTTP response "\x15\x03\x01\x00\x02\x02"`, false, "-tls?"},
		{
			"what Go's server says to plaintext", "HTTP status 400: Client sent an HTTP request to an HTTPS server.",
			false, "-tls?",
		},
		{"what nginx says", "HTTP status 400: The plain HTTP request was sent to HTTPS port", false, "-tls?"},
		{"no certificate where one is wanted", "remote error: tls: certificate required", true, "-cert"},
		{"refused", "dial tcp 127.0.0.1:1: connect: connection refused", false, ""},
		{"a server over TLS that hangs up", "error reading server preface: EOF", true, ""},
	} {
		if got := transport.Hint(tt.text, tt.tls); (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.reason, got, tt.want)
		}
	}
}
