package meet

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"time"
)

var errToken = errors.New("the -meet-token is another")

// tokenTLS is a configuration, for either side, in which both prove that they have the token: its key is derived from
// it (HKDF, RFC 5869), and each side takes that one key only. So nobody else can join or read, and no certificate is
// needed. Refused is told of whoever has another token.
func tokenTLS(token string, refused func()) (*tls.Config, error) {
	seed, err := hkdf.Key(sha256.New, []byte(token), nil, "grpcbench meet", ed25519.SeedSize)
	if err != nil {
		return nil, fmt.Errorf("make a key of the token: %w", err)
	}
	key := ed25519.NewKeyFromSeed(seed)
	public, _ := key.Public().(ed25519.PublicKey) // it is one
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "grpcbench shard"},
		// the clocks of shards may be apart
		NotBefore: now.Add(-24 * time.Hour), NotAfter: now.Add(365 * 24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, key)
	if err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		ClientAuth: tls.RequireAnyClientCert,
		// No authority signs: the key itself is what is verified, below.
		InsecureSkipVerify: true, //nolint:gosec // as said
		VerifyConnection: func(s tls.ConnectionState) error {
			if len(s.PeerCertificates) > 0 {
				if theirs, ok := s.PeerCertificates[0].PublicKey.(ed25519.PublicKey); ok &&
					bytes.Equal(theirs, public) {
					return nil
				}
			}
			refused()
			return errToken
		},
	}, nil
}
