package flags_test

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"grpcbench/loadgen/plan"
)

// What a value is sent as, and what is told of it wherever a plan is written.
func TestMetadataValues(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("S3cr3t\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("MY_TOKEN", "S3cr3t")
	for _, tt := range []struct{ reason, header, sent, told string }{
		{"a value that anybody may know", "tenant: blue", "blue", "blue"},
		{"an authorization", "authorization: Bearer S3cr3t", "Bearer S3cr3t", "$AUTHORIZATION"},
		{"a proxy's", "proxy-authorization: S3cr3t", "S3cr3t", "$PROXY_AUTHORIZATION"},
		{"a cookie", "Cookie: id=S3cr3t", "id=S3cr3t", "$COOKIE"},
		{"a token", "x-auth-token: S3cr3t", "S3cr3t", "$X_AUTH_TOKEN"},
		{"a key", "x-api-key: S3cr3t", "S3cr3t", "$X_API_KEY"},
		{"a secret", "client.secret: S3cr3t", "S3cr3t", "$CLIENT_SECRET"},
		{"bytes", "trace-bin: S3cr3t", "S3cr3t", "$TRACE_BIN"},
		{"a word that only ends like one", "monkey: banana", "banana", "banana"},
		{"from a file, whatever the key", "tenant: @" + file, "S3cr3t", "@" + file},
		{"from the environment, whatever the key", "tenant: $MY_TOKEN", "S3cr3t", "$MY_TOKEN"},
		{"a dollar of its own", "price: $$5", "$5", "$$5"},
		{"an at of its own", "name: @@me", "@me", "@@me"},
		{"bytes in base64", "x-bin: base64:AAH/", "\x00\x01\xff", "$X_BIN"},
		{"bytes are not trimmed", "x-bin: \n\x05hi ", "\n\x05hi ", "$X_BIN"},
		{"one blank is the colon's", "x-bin:  hi", " hi", "$X_BIN"},
		{"base64: is a text's own", "x: base64:AAH/", "base64:AAH/", "base64:AAH/"},
		{"a name of the user's", "User-Agent: me/1", "me/1", "me/1"},
	} {
		p, err := readRun([]string{"-rpc", "Search", "-H", tt.header}, io.Discard)
		if err != nil {
			t.Errorf("%s: %v", tt.reason, err)
			continue
		}
		if p.Metadata[1] != tt.sent || p.MetadataTold[1] != tt.told {
			t.Errorf("%s: %q is sent, %q told; want %q and %q", tt.reason, p.Metadata[1], p.MetadataTold[1], tt.sent,
				tt.told)
		}
		text, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		if written := string(text) + plan.QuoteArgs(p.Command); strings.Contains(written, "S3cr3t") {
			t.Errorf("%s: what is written of it holds the secret: %s", tt.reason, written)
		}
	}
}

// Over REST the gateway has keys of its own for what it passes on.
func TestMetadataByTransport(t *testing.T) {
	for _, tt := range []struct {
		transport, header string
		ok                bool
	}{
		{"rest", "grpc-metadata-tenant: blue", true},
		{"rest", "grpc-timeout: 1S", false},
		{"grpc", "grpc-metadata-tenant: blue", false},
		{"wire", "grpc-metadata-tenant: blue", false},
	} {
		if _, err := readRun([]string{"-rpc", "Search", "-transport", tt.transport, "-H", tt.header},
			io.Discard); (err == nil) != tt.ok {
			t.Errorf("over %s -H %q: %v, want it taken: %v", tt.transport, tt.header, err, tt.ok)
		}
	}
}
