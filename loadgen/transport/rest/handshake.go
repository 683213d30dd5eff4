package rest

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"

	"grpcbench/loadgen/transport"
)

// handshake says whether the server takes a connection over TLS. In TLS 1.3 a
// client is through before the server has looked at its certificate, or at that
// it has none: where one was asked for, the server's word is awaited.
func handshake(ctx context.Context, raw net.Conn, config *tls.Config, a transport.Address) error {
	config = config.Clone()
	if config.ServerName == "" {
		config.ServerName = a.Host
	}
	asked, own := false, config.Certificates
	config.GetClientCertificate = func(info *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		asked = true
		for i := range own { // as without this function
			if info.SupportsCertificate(&own[i]) == nil {
				return &own[i], nil
			}
		}
		return &tls.Certificate{}, nil
	}
	secured := tls.Client(raw, config)
	if err := secured.HandshakeContext(ctx); err != nil || !asked {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	defer stop()
	// A request that asks for nothing: every server has an answer to it, be it a refusal.
	if _, err := fmt.Fprintf(secured, "OPTIONS * HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n",
		a.Authority); err != nil {
		return fmt.Errorf("after the TLS handshake: %w", err)
	}
	if _, err := secured.Read(make([]byte, 1)); err != nil {
		return fmt.Errorf("after the TLS handshake: %w", err)
	}
	return nil
}
