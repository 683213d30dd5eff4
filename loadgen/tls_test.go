//go:build unix

package main

import (
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"grpcbench/server/testkit"
)

func TestTLSRuns(t *testing.T) {
	a := testkit.NewAuthority(t, "test authority")
	a.Issue(t, "server", x509.ExtKeyUsageServerAuth)
	a.Issue(t, "client", x509.ExtKeyUsageClientAuth)
	server := "-target=-unary-timeout=30s -tls-cert=" + a.File("server.pem") + " -tls-key=" + a.File("server.key")
	mutual := server + " -client-ca=" + a.File("ca.pem")
	ca, cert, key := "-cacert="+a.File("ca.pem"), "-cert="+a.File("client.pem"), "-key="+a.File("client.key")
	for _, tt := range []struct {
		reason string
		args   []string
		fails  string // a part of the error
	}{
		{"TLS", []string{server, ca}, ""},
		{"TLS by another name", []string{server, ca, "-authority=grpcbench.test"}, ""},
		{"TLS without verification", []string{server, "-tls", "-insecure-skip-verify"}, ""},
		{"TLS over REST", []string{server, ca, "-transport=rest"}, ""},
		{"mTLS", []string{mutual, ca, cert, key}, ""},
		{"mTLS over REST", []string{mutual, ca, cert, key, "-transport=rest", "-http-method=POST"}, ""},
		{"an authority that nobody trusts", []string{server, "-tls"}, "unknown authority"},
		{"a name that the certificate does not have", []string{server, ca, "-authority=other.test"}, "other.test"},
		{
			"an authority that nobody trusts, over REST",
			[]string{server, "-tls", "-transport=rest"},
			"unknown authority",
		},
		{"mTLS without a certificate", []string{mutual, ca}, "127.0.0.1:"},
		{"plaintext to a TLS target", []string{server}, "127.0.0.1:"},
		{"TLS to a plaintext target", []string{patient, ca}, "handshake"},
	} {
		t.Run(strings.ReplaceAll(tt.reason, " ", "_"), func(t *testing.T) {
			p := loadgen(t, append(tt.args, "-rpc=Search", "-c=4", "-conns=2", "-n=40", "-warmup=0s")...)
			if tt.fails == "" {
				p.wantExit(t, 0, 10*time.Second)
				if c := p.wantResult(t).Counts; c.OK != 40 {
					t.Errorf("counts %+v", c)
				}
				return
			}
			p.wantExit(t, 1, 3*time.Second)
			if words := p.stderr.String(); !strings.Contains(words, tt.fails) {
				t.Errorf("it says %q, and nothing of %s", words, tt.fails)
			}
		})
	}
}
