package admin_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/cri-logshim/cri-logshim/admin"
)

// pipe is a listener to which one client comes.
type pipe struct {
	net.Conn
	taken chan net.Conn // closed at the end
}

func (p *pipe) Accept() (net.Conn, error) {
	if conn, ok := <-p.taken; ok {
		return conn, nil
	}
	return nil, net.ErrClosed
}

func (p *pipe) Close() error { close(p.taken); return nil }

func (p *pipe) Addr() net.Addr { return p.LocalAddr() }

// talk serves a handler to one client, who says this, until end is called with what comes of it.
func talk(t *testing.T, handler http.Handler, says string) (client net.Conn, end func()) {
	t.Helper()
	client, server := net.Pipe()
	l := &pipe{server, make(chan net.Conn, 1)}
	l.taken <- server
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- admin.Serve(ctx, handler, logrus.New(), l) }()
	if _, err := fmt.Fprint(client, says); err != nil {
		t.Fatal(err)
	}
	return client, func() {
		cancel()
		if err := errors.Join(<-done, client.Close()); err != nil {
			t.Error(err)
		}
	}
}

// A client who does not take what it has asked for is cut off at the end: it is not for whoever can
// reach the daemon to have it exit as one that has failed.
func TestClientThatTakesNoAnswerIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		endless := func(w http.ResponseWriter, _ *http.Request) {
			for err := error(nil); err == nil; {
				_, err = w.Write(make([]byte, 1<<20))
			}
		}
		_, end := talk(t, http.HandlerFunc(endless), "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
		synctest.Wait()
		end()
	})
}

// A client who never sends the body that it has announced does not keep its connection, and what
// serves it, for ever; a question for events is kept nevertheless.
func TestClientThatSendsNoBodyIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, end := talk(t, admin.ForMonitoring(options(nil)), "GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n")
		ended := make(chan error, 1)
		go func() {
			_, err := io.Copy(io.Discard, client)
			ended <- err
		}()
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(time.Hour):
			t.Error("it is still served after an hour")
		}
		end()
	})
}

// What a client sends in time has no part in how long it is waited with for events.
func TestLongestQuestionForEventsIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, _ := withAPI(mute{})
		client, end := talk(t, admin.ForOperators(o), "GET /v1/events?wait=3600 HTTP/1.1\r\nHost: localhost\r\n\r\n")
		begun := time.Now()
		answer, err := http.ReadResponse(bufio.NewReader(client), nil)
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); answer.StatusCode != http.StatusOK || took != time.Minute {
			t.Errorf("answered %s after %s, want an answer after a minute", answer.Status, took)
		}
		_ = answer.Body.Close()
		end()
	})
}
