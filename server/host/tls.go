package host

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// tlsFiles names the PEM files of a TLS target; all empty is plaintext.
type tlsFiles struct{ cert, key, clientCA string }

// configs returns the listeners' TLS configuration, and the one by which the
// gateway reaches the gRPC listener; both are nil for plaintext.
//
// The gateway needs no certificate of its own: it and the listener know each
// other by the server's, each pinned to exactly that one. Only the holder of
// the server's key can present it.
func (f tlsFiles) configs() (server, gateway *tls.Config, err error) {
	if f.cert == "" {
		return nil, nil, nil
	}
	pair, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil {
		return nil, nil, fmt.Errorf("load the server's certificate: %w", err)
	}
	self := func(cs tls.ConnectionState) bool {
		return len(cs.PeerCertificates) > 0 && bytes.Equal(cs.PeerCertificates[0].Raw, pair.Certificate[0])
	}
	server = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	if f.clientCA != "" {
		clients, err := loadPool(f.clientCA)
		if err != nil {
			return nil, nil, err
		}
		server.ClientAuth = tls.RequireAnyClientCert
		server.ClientCAs = clients // told to the client, so that it chooses a fitting certificate
		server.VerifyConnection = func(cs tls.ConnectionState) error {
			if self(cs) {
				return nil
			}
			return verifyClient(cs.PeerCertificates, clients)
		}
	}
	gateway = &tls.Config{
		Certificates:       []tls.Certificate{pair},
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, //nolint:gosec // VerifyConnection below is stricter: one certificate only
		VerifyConnection: func(cs tls.ConnectionState) error {
			if !self(cs) {
				return errors.New("the gRPC listener presented another certificate than the gateway's")
			}
			return nil
		},
	}
	// An issuer hint of -client-ca must not keep the gateway from presenting the server's certificate.
	gateway.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	return server, gateway, nil
}

func verifyClient(chain []*x509.Certificate, roots *x509.CertPool) error {
	intermediates := x509.NewCertPool()
	for _, c := range chain[1:] {
		intermediates.AddCert(c)
	}
	if _, err := chain[0].Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: intermediates, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}); err != nil {
		return fmt.Errorf("verify the client's certificate: %w", err)
	}
	return nil
}

func loadPool(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the CA: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("read the CA: %s holds no PEM certificate", file)
	}
	return pool, nil
}
