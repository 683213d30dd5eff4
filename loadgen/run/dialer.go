package run

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"os"

	"github.com/prometheus/client_golang/prometheus"

	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/transport"
	"grpcbench/loadgen/transport/dial"
	"grpcbench/loadgen/transport/grpcconn"
)

// dialer is the plan's transport.
func (r *run) dialer() (transport.Dialer, error) {
	config, err := TLSConfig(r.plan.TLS, r.authority)
	if err != nil {
		return nil, err
	}
	r.clientMetrics = prometheus.NewRegistry()
	chain, err := grpcconn.Interceptors(r.plan.ClientInterceptors, r.id, r.clientMetrics,
		slog.New(slog.NewJSONHandler(r.clientLog, nil)))
	if err != nil {
		return nil, err
	}
	d, _ := dial.New(r.plan.Transport, dial.Options{
		Run: r.id, Trace: r.sampler, TLS: config, Authority: r.authority, Timeout: r.plan.ConnectTimeout,
		Keepalive:    r.plan.Keepalive,
		Interceptors: chain, ServiceConfig: r.plan.ServiceConfig, MaxMessage: int(r.plan.MaxMessage), Gzip: r.plan.Gzip,
	})
	return d, nil
}

// hostOf is the name in an authority, which certificates are for: they know no ports.
func hostOf(authority string) string {
	if host, _, err := net.SplitHostPort(authority); err == nil {
		return host
	}
	return authority
}

// TLSConfig is the configuration of t; nil is plaintext. A name other than the address's goes into authority.
func TLSConfig(t plan.TLS, authority string) (*tls.Config, error) {
	if !t.On {
		return nil, nil
	}
	config := &tls.Config{
		MinVersion: tls.VersionTLS12, ServerName: hostOf(authority),
		InsecureSkipVerify: t.SkipVerify, //nolint:gosec // only where -insecure-skip-verify says so
	}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, fmt.Errorf("read -cacert: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read -cacert: %s holds no PEM certificate", t.CA)
		}
	}
	if t.Cert != "" {
		pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, fmt.Errorf("load -cert and -key: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}
