package host_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"grpcbench/server/host"
	"grpcbench/server/testkit"
)

func TestUsageErrors(t *testing.T) {
	for _, tt := range []struct {
		reason string
		args   []string
		says   []string // in this many problems
	}{
		{"a flag that does not exist", []string{"-nosuch"}, []string{"-nosuch"}},
		{"a flag without its value", []string{"-drain"}, []string{"-drain"}},
		{"a duration without a unit", []string{"-drain=5"}, []string{"-drain"}},
		{"an argument that is no flag", []string{"-drain=5s", "stray"}, []string{`"stray"`}},
		{"an unknown interceptor", []string{"-interceptors=recovery,nosuch"}, []string{"-interceptors"}},
		{"a malformed fault", []string{"-inject=delay=5"}, []string{"-inject"}},
		{"a certificate without a key", []string{"-tls-cert=c.pem"}, []string{"-tls-key"}},
		{"a key without a certificate", []string{"-tls-key=k.pem"}, []string{"-tls-cert"}},
		{"a client CA without TLS", []string{"-client-ca=ca.pem"}, []string{"-client-ca"}},
		{"limits out of bounds", []string{
			"-unary-timeout=0s", "-recv-timeout=-1s", "-search-out-count=-1",
			"-max-upload=-1",
		}, []string{
			"-search-out-count", "-max-upload", "-unary-timeout", "-recv-timeout",
		}},
		{"an upload that the answer cannot count", []string{"-max-upload=2GiB"}, []string{"32 bits"}},
		{"all at once", []string{
			"-nosuch", "-drain=soon", "-also-nosuch", "7", "-interceptors=x", "-inject=y", "-tls-cert=c.pem",
			"-max-upload=-1", "-search-out-interval=-1s", "stray",
		}, []string{
			"-nosuch", "-drain", "-also-nosuch", "stray", "-interceptors", "-inject", "-tls-key",
			"-max-upload", "-search-out-interval",
		}},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			err := <-launch(t, tt.args...).ended
			var usage *host.UsageError
			if !errors.As(err, &usage) {
				t.Fatalf("Run(%q): %v, want a *UsageError", tt.args, err)
			}
			for _, part := range tt.says {
				if !slices.ContainsFunc(usage.Problems, func(p string) bool { return strings.Contains(p, part) }) {
					t.Errorf("Run(%q) does not name %s: %q", tt.args, part, usage.Problems)
				}
			}
			if len(usage.Problems) != len(tt.says) {
				t.Errorf("Run(%q) names %d problems, want %d: %q", tt.args, len(usage.Problems), len(tt.says),
					usage.Problems)
			}
		})
	}
}

func TestHelp(t *testing.T) {
	for _, args := range [][]string{{"-h"}, {"-help"}, {"-nosuch", "--help"}} {
		var out bytes.Buffer
		if err := host.Run(testkit.Context(t), args, strings.NewReader(""), &out, io.Discard); err != nil {
			t.Errorf("Run(%q): %v", args, err)
		}
		for _, flag := range []string{
			"-listen", "-http", "-interceptors", "-inject", "-allow-inject", "-search-out-count",
			"-search-out-interval", "-max-upload",
			"-unary-timeout", "-recv-timeout", "-tls-cert", "-tls-key", "-client-ca", "-drain", "-server-time",
			"LISTEN_ADDR",
		} {
			if !strings.Contains(out.String(), flag) {
				t.Errorf("Run(%q) does not tell of %s", args, flag)
			}
		}
	}
}
