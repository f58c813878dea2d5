package admin

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	logtest "github.com/sirupsen/logrus/hooks/test"
)

// authority issues certificates.
type authority struct {
	*testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{T: t, key: newKey(t)}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	a.must(err)
	a.cert, err = x509.ParseCertificate(der)
	a.must(err)
	a.pem = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (a *authority) must(err error) {
	a.Helper()
	if err != nil {
		a.Fatal(err)
	}
}

// issue returns a certificate for 127.0.0.1 and its key, as PEM.
func (a *authority) issue(serial int64) (cert, key []byte) {
	a.Helper()
	k := newKey(a.T)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.cert, k.Public(), a.key)
	a.must(err)
	text, err := x509.MarshalECPrivateKey(k)
	a.must(err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: text})
}

// encrypted is a server with certificates out of files.
type encrypted struct {
	*testing.T
	files  CertificateFiles
	writes int64
	said   *logtest.Hook
	url    string
	roots  *x509.CertPool
}

func newEncrypted(t *testing.T, a *authority, clientCAs []byte) *encrypted {
	t.Helper()
	dir := t.TempDir()
	e := &encrypted{T: t, files: CertificateFiles{Certificate: filepath.Join(dir, "tls.crt"), Key: filepath.Join(dir, "tls.key")}, roots: x509.NewCertPool()}
	e.roots.AddCert(a.cert)
	e.write(a.issue(1))
	if clientCAs != nil {
		e.files.ClientCAs = filepath.Join(dir, "ca.crt")
		a.must(os.WriteFile(e.files.ClientCAs, clientCAs, 0o600))
	}
	logger, said := logtest.NewNullLogger()
	e.said = said
	certificates, err := NewCertificates(e.files, logger)
	a.must(err)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "here") }))
	server.Listener = tls.NewListener(server.Listener, certificates.Config())
	server.Start()
	t.Cleanup(server.Close)
	e.url = "https://" + server.Listener.Addr().String()
	return e
}

// write puts files in place, with times of their own: two writes may come within one tick.
func (e *encrypted) write(cert, key []byte) {
	e.Helper()
	e.writes++
	for file, text := range map[string][]byte{e.files.Certificate: cert, e.files.Key: key} {
		at := time.Unix(e.writes, 0)
		if err := errors.Join(os.WriteFile(file, text, 0o600), os.Chtimes(file, at, at)); err != nil {
			e.Fatal(err)
		}
	}
}

// ask returns the serial number of the server's certificate, on a connection of its own.
func (e *encrypted) ask(client ...tls.Certificate) (int64, error) {
	e.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: e.roots, Certificates: client}, DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(e.Context(), http.MethodGet, e.url, nil)
	if err != nil {
		e.Fatal(err)
	}
	answer, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || string(text) != "here" {
		e.Errorf("answered %q, %v", text, err)
	}
	return answer.TLS.PeerCertificates[0].SerialNumber.Int64(), nil
}

// Who renews a certificate replaces its files and tells nobody. A half-written one must neither
// end the service nor be told of for each client.
func TestCertificatesFollowTheirFiles(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, "servers")
	e := newEncrypted(t, a, nil)
	want := func(serial int64, told int) {
		t.Helper()
		for range 3 {
			got, err := e.ask()
			a.must(err)
			if got != serial {
				t.Errorf("served with certificate %d, want %d", got, serial)
			}
		}
		if got := len(e.said.AllEntries()); got != told {
			t.Errorf("%d lines were said, want %d", got, told)
		}
	}
	want(1, 0)
	e.write(a.issue(2))
	want(2, 1)
	cert, _ := a.issue(3)
	_, otherKey := a.issue(4)
	e.write(cert, otherKey)
	want(2, 2)
	a.must(os.Remove(e.files.Key))
	want(2, 3)
	e.write(a.issue(5))
	want(5, 4)
}

// Where clients have to show a certificate, none and one of somebody else's get no answer.
func TestClientsShowCertificates(t *testing.T) {
	t.Parallel()
	servers, clients, others := newAuthority(t, "servers"), newAuthority(t, "clients"), newAuthority(t, "others")
	e := newEncrypted(t, servers, clients.pem)
	pair := func(a *authority) tls.Certificate {
		c, err := tls.X509KeyPair(a.issue(9))
		a.must(err)
		return c
	}
	if _, err := e.ask(pair(clients)); err != nil {
		t.Errorf("a client of the authority: %v", err)
	}
	if _, err := e.ask(pair(others)); err == nil {
		t.Error("a client of another authority was answered")
	}
	if _, err := e.ask(); err == nil {
		t.Error("a client without a certificate was answered")
	}
	a := servers
	a.must(os.WriteFile(e.files.ClientCAs, others.pem, 0o600))
	at := time.Unix(99, 0)
	a.must(os.Chtimes(e.files.ClientCAs, at, at))
	if _, err := e.ask(pair(clients)); err == nil {
		t.Error("a client whose authority has been taken out was answered")
	}
}

// A start with files that cannot be used says which.
func TestCertificatesThatAreNone(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, "servers")
	good := newEncrypted(t, a, a.pem).files
	garbage := filepath.Join(t.TempDir(), "garbage")
	a.must(os.WriteFile(garbage, []byte("garbage"), 0o600))
	for named, files := range map[string]CertificateFiles{
		garbage:            {Certificate: garbage, Key: good.Key},
		"/nowhere/tls.key": {Certificate: good.Certificate, Key: "/nowhere/tls.key"},
		garbage + " holds": {Certificate: good.Certificate, Key: good.Key, ClientCAs: garbage},
	} {
		if _, err := NewCertificates(files, nil); err == nil || !strings.Contains(err.Error(), named) {
			t.Errorf("error %v, want one that names %s", err, named)
		}
	}
}
