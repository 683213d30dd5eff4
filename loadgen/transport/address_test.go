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
		{
			reason: "a name", addr: "shop:50051", network: "tcp", dial: "shop:50051", authority: "shop:50051",
			host: "shop",
		},
		{
			reason: "an IPv4 address", addr: "127.0.0.1:1", network: "tcp", dial: "127.0.0.1:1",
			authority: "127.0.0.1:1", host: "127.0.0.1",
		},
		{
			reason: "an IPv6 address", addr: "[::1]:1", network: "tcp", dial: "[::1]:1", authority: "[::1]:1",
			host: "::1",
		},
		{
			reason: "with a zone, which no server hears of", addr: "[fe80::1%lo]:1", network: "tcp",
			dial: "[fe80::1%lo]:1", authority: "[fe80::1]:1", host: "fe80::1",
		},
		{reason: "any of this machine's", addr: ":50051", network: "tcp", dial: ":50051", authority: ":50051"},
		{
			reason: "grpc-go's way to name a name", addr: "dns:///shop:1", network: "tcp", dial: "shop:1",
			authority: "shop:1", host: "shop",
		},
		{reason: "in short", addr: "dns:shop:1", network: "tcp", dial: "shop:1", authority: "shop:1", host: "shop"},
		{
			reason: "with a DNS server", addr: "dns://8.8.8.8/shop:1", network: "tcp", dial: "shop:1",
			authority: "shop:1", host: "shop",
		},
		{
			reason: "a socket", addr: "unix:a/b.sock", network: "unix", dial: "a/b.sock", authority: "localhost",
			host: "localhost",
		},
		{
			reason: "a socket, as a URL", addr: "unix:///run/a.sock", network: "unix", dial: "/run/a.sock",
			authority: "localhost", host: "localhost",
		},
		{
			reason: "a socket without a file", addr: "unix-abstract:shop", network: "unix", dial: "@shop",
			authority: "localhost", host: "localhost",
		},
		{reason: "a browser's", addr: "http://shop:1/", refused: "as shop:1"},
		{reason: "a browser's, secure", addr: "https://shop:1", refused: "as shop:1 with -tls"},
		{reason: "of other tools", addr: "grpc://shop:1", refused: "as shop:1"},
		{reason: "no port", addr: "shop", refused: "missing port"},
		{reason: "an empty one", addr: "shop:", refused: "no port"},
		{reason: "no path", addr: "unix:", refused: "path"},
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
