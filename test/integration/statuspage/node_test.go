package statuspage

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/cri-logshim/cri-logshim/admin/page"
	"github.com/cri-logshim/cri-logshim/admin/page/pagetest"
)

// interval is how often the page asks a node that is served here.
const interval = 50 * time.Millisecond

// served is a node that does not exist, at an address of its own.
type served struct {
	*pagetest.Node
	t      *testing.T
	page   http.Handler
	addr   string
	server *http.Server
	ended  chan error
}

func serve(t *testing.T, n *pagetest.Node) *served {
	t.Helper()
	log := logrus.New()
	log.SetOutput(io.Discard)
	handler, err := page.New(page.Options{Source: n, Interval: interval, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	s := &served{Node: n, t: t, page: handler, addr: "127.0.0.1:0"}
	s.start()
	t.Cleanup(func() {
		if s.server != nil {
			s.stop()
		}
	})
	return s
}

func (s *served) url() string { return "http://" + s.addr + "/" }

// start answers at the same address as before.
func (s *served) start() {
	s.t.Helper()
	listener, err := new(net.ListenConfig).Listen(s.t.Context(), "tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.addr = listener.Addr().String()
	// Whoever waits for events must not keep the server from ending.
	ctx, cancel := context.WithCancel(s.t.Context())
	s.server = &http.Server{Handler: s.Handler(s.page), BaseContext: func(net.Listener) context.Context { return ctx }}
	s.server.RegisterOnShutdown(cancel)
	s.ended = make(chan error, 1)
	go func() {
		defer cancel()
		s.ended <- s.server.Serve(listener)
	}()
}

// stop ends every connection.
func (s *served) stop() {
	s.t.Helper()
	if err := s.server.Close(); err != nil {
		s.t.Error(err)
	}
	if err := <-s.ended; !errors.Is(err, http.ErrServerClosed) {
		s.t.Error(err)
	}
	s.server = nil
}
