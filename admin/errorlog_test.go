package admin

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"
)

// Whoever knocks without TLS must not fill the log, nor write past its format: net/http would have
// written a line of its own form to stderr. A panic of ours is an error.
func TestErrorsOfTheServerAreInTheLog(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, "servers")
	files := newEncrypted(t, a, nil).files
	for name, test := range map[string]struct {
		sent  string // without TLS; empty: a request with it
		level logrus.Level
		want  string
	}{
		"no TLS":  {"this is no handshake at all", logrus.DebugLevel, "TLS handshake error"},
		"a panic": {"", logrus.ErrorLevel, "a fault of ours"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			logger, said := logtest.NewNullLogger()
			logger.SetLevel(logrus.DebugLevel)
			certificates, err := NewCertificates(files, logger)
			a.must(err)
			l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
			a.must(err)
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			broken := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("a fault of ours") })
			go func() { ended <- Serve(ctx, broken, logger, tls.NewListener(Bounded(l), certificates.Config())) }()
			conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", l.Addr().String())
			a.must(err)
			sent := test.sent
			if sent == "" {
				conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true}) // it is not what is tested
				sent = "GET / HTTP/1.0\r\n\r\n"
			}
			_, err = io.WriteString(conn, sent)
			a.must(err)
			_, _ = io.Copy(io.Discard, conn) // until the server has closed it
			_ = conn.Close()
			cancel()
			a.must(<-ended)
			entries := said.AllEntries()
			if len(entries) != 1 || entries[0].Level != test.level || !strings.Contains(entries[0].Message, test.want) {
				t.Errorf("said %d lines: %+v", len(entries), entries)
			}
		})
	}
}
