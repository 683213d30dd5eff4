package testkit

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Authority signs certificates for one test.
type Authority struct {
	// Dir has what it issued: NAME.pem and NAME.key, and its own certificate, ca.pem, which is Pool too.
	Dir  string
	Pool *x509.CertPool
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// NewAuthority makes an authority whose files end with the test.
func NewAuthority(t *testing.T, name string) *Authority {
	t.Helper()
	a := &Authority{Dir: t.TempDir(), key: newKey(t), Pool: x509.NewCertPool()}
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	var der []byte
	der, a.cert = sign(t, template, template, &a.key.PublicKey, a.key)
	a.Pool.AddCert(a.cert)
	writePEM(t, filepath.Join(a.Dir, "ca.pem"), "CERTIFICATE", der)
	return a
}

// Issue makes a certificate for 127.0.0.1 and grpcbench.test, for one use, and returns the files of it and its key too.
func (a *Authority) Issue(t *testing.T, name string, usage x509.ExtKeyUsage) (pair tls.Certificate, cert, key string) {
	t.Helper()
	private := newKey(t)
	der, _ := sign(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		DNSNames: []string{"grpcbench.test"},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{usage},
	}, a.cert, &private.PublicKey, a.key)
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert = writePEM(t, filepath.Join(a.Dir, name+".pem"), "CERTIFICATE", der)
	key = writePEM(t, filepath.Join(a.Dir, name+".key"), "PRIVATE KEY", keyDER)
	if pair, err = tls.LoadX509KeyPair(cert, key); err != nil {
		t.Fatal(err)
	}
	return pair, cert, key
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t *testing.T, template, parent *x509.Certificate, public *ecdsa.PublicKey, key *ecdsa.PrivateKey) ([]byte,
	*x509.Certificate,
) {
	t.Helper()
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return der, cert
}

func writePEM(t *testing.T, file, kind string, der []byte) string {
	t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// File is a file of Dir.
func (a *Authority) File(name string) string { return filepath.Join(a.Dir, name) }
