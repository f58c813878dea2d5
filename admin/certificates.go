package admin

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
)

// CertificateFiles are PEM files: what is served with, and the authorities whose certificates
// clients must show; empty: clients need none.
type CertificateFiles struct {
	Certificate, Key string
	ClientCAs        string
}

// Certificates follow their files: whoever renews a certificate replaces the files and needs not
// tell anybody. Files that cannot be used leave what was read before in force.
type Certificates struct {
	files CertificateFiles
	log   logrus.FieldLogger

	mu     sync.Mutex
	read   []stamp // of the files, when they were read last
	config *tls.Config
}

// stamp tells a file from one that has taken its place.
type stamp struct {
	size    int64
	written time.Time
}

// NewCertificates reads the files. The error says which of them is wrong.
func NewCertificates(files CertificateFiles, log logrus.FieldLogger) (*Certificates, error) {
	c := &Certificates{files: files, log: log}
	stamps, err := files.stamps()
	if err != nil {
		return nil, err
	}
	if c.config, err = files.load(); err != nil {
		return nil, err
	}
	c.read = stamps
	return c, nil
}

// Config is for a TLS server that uses what the files hold when a client comes.
func (c *Certificates) Config() *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return c.current(), nil },
	}
}

// current reads the files again if they are others. What is wrong with them is told once for
// each change.
func (c *Certificates) current() *tls.Config {
	c.mu.Lock()
	defer c.mu.Unlock()
	stamps, err := c.files.stamps()
	if slices.Equal(stamps, c.read) {
		return c.config
	}
	c.read = stamps // nil, where one cannot be looked at
	fresh, loadErr := c.files.load()
	if err := errors.Join(err, loadErr); err != nil {
		c.log.WithError(err).Error("cannot use the changed files of admin.tls: those before stay in force")
		return c.config
	}
	c.config = fresh
	c.log.WithField("certificate", c.files.Certificate).Info("files of admin.tls read again")
	return c.config
}

func (f CertificateFiles) stamps() ([]stamp, error) {
	var all []stamp
	for _, file := range []string{f.Certificate, f.Key, f.ClientCAs} {
		if file == "" {
			continue
		}
		info, err := os.Stat(file)
		if err != nil {
			return nil, err
		}
		all = append(all, stamp{info.Size(), info.ModTime()})
	}
	return all, nil
}

func (f CertificateFiles) load() (*tls.Config, error) {
	certificate, err := tls.LoadX509KeyPair(f.Certificate, f.Key)
	if err != nil {
		return nil, fmt.Errorf("certificate %s with key %s: %w", f.Certificate, f.Key, err)
	}
	config := &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{certificate},
		NextProtos:   []string{"http/1.1"},
	}
	if f.ClientCAs == "" {
		return config, nil
	}
	text, err := os.ReadFile(f.ClientCAs)
	if err != nil {
		return nil, err
	}
	config.ClientCAs = x509.NewCertPool()
	if !config.ClientCAs.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificate in PEM form", f.ClientCAs)
	}
	config.ClientAuth = tls.RequireAndVerifyClientCert
	return config, nil
}
