package main

import (
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// notices is the socket on which systemd hears of a service.
type notices struct{ conn *net.UnixConn }

func newNotices(t *testing.T, path string) *notices {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return &notices{conn}
}

// next waits for the next notice.
func (n *notices) next(t *testing.T) string {
	t.Helper()
	if err := n.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 4096)
	read, err := n.conn.Read(buffer)
	if err != nil {
		t.Fatalf("no notice: %v", err)
	}
	return string(buffer[:read])
}

// all takes every notice from now on at once, as systemd does: those who notify wait when
// some ten are not taken.
func (n *notices) all() <-chan string {
	told := make(chan string, 10_000)
	go func() {
		buffer := make([]byte, 4096)
		for {
			read, err := n.conn.Read(buffer)
			if err != nil {
				return // closed, with the test
			}
			told <- string(buffer[:read])
		}
	}()
	return told
}

// none is an error when there is a notice that nobody has taken.
func (n *notices) none(t *testing.T) {
	t.Helper()
	raw, err := n.conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := n.conn.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 4096)
	err = raw.Read(func(fd uintptr) bool {
		if read, _, err := unix.Recvfrom(int(fd), buffer, unix.MSG_DONTWAIT); !errors.Is(err, unix.EAGAIN) {
			t.Errorf("a notice too many: %q, %v", buffer[:max(read, 0)], err)
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
}

// systemd hears that the daemon serves when it does, whether or not there is a
// runtime, and that it stops when it stops. Nobody has asked for a watchdog.
func TestNotify(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	heard := newNotices(t, p.dir+"/notify")
	d := p.serve(t, extras{env: []string{"NOTIFY_SOCKET=" + p.dir + "/notify"}})
	if ready, status := heard.next(t), "STATUS=Serving "+p.config.Listen+" for "+p.config.RuntimeEndpoint; ready != "READY=1\n"+status {
		t.Errorf("the first notice is %q", ready)
	}
	// The runtime's absence is answered by the daemon, so it serves.
	if err := callVersion(t, dial(t, p.config.Listen)); status.Code(err) != codes.Unavailable || strings.Contains(err.Error(), p.config.Listen) {
		t.Errorf("a call after READY=1: %v", err)
	}
	heard.none(t)
	d.signal(t, syscall.SIGTERM)
	if stopping := heard.next(t); stopping != "STOPPING=1" {
		t.Errorf("the last notice is %q", stopping)
	}
	d.exit(t)
	heard.none(t)
}

// A watchdog is fed for as long as the daemon lives: from the start, since that may be one of
// many successors in a row, regularly, and not once it is told to stop.
func TestWatchdog(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	heard := newNotices(t, p.dir+"/notify")
	d := p.serve(t, extras{env: []string{"NOTIFY_SOCKET=" + p.dir + "/notify", "WATCHDOG_USEC=300000"}})
	if ready := heard.next(t); !strings.HasPrefix(ready, "READY=1\n") || !strings.HasSuffix(ready, "\nWATCHDOG=1") {
		t.Errorf("the first notice is %q", ready)
	}
	for range 5 {
		if alive := heard.next(t); alive != "WATCHDOG=1" {
			t.Errorf("a notice while it lives is %q", alive)
		}
	}
	d.signal(t, syscall.SIGTERM)
	stopping := heard.next(t)
	for stopping == "WATCHDOG=1" { // under way when the signal came
		stopping = heard.next(t)
	}
	if stopping != "STOPPING=1" {
		t.Errorf("the notice at the end is %q", stopping)
	}
	if code := d.exit(t); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	heard.none(t)
}

// A notification socket that nobody reads is no reason not to serve.
func TestNotifyNobody(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	newFakeRuntime().serve(t, p.config.RuntimeEndpoint)
	d := p.serve(t, extras{env: []string{"NOTIFY_SOCKET=" + p.dir + "/nobody"}})
	works(t, p)
	d.waitSaid(t, "level=warning", "cannot notify systemd")
	d.end(t)
}
