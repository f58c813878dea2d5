package proxy

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Those who connect during a rest wait, and are let in afterwards by whoever accepts then:
// the same listener, or another process that shares the socket.
func TestARestKeepsConnectionsWaiting(t *testing.T) {
	t.Parallel()
	path := filepath.Join(socketDir(t), "rest")
	l, err := Listen("unix://"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan error, 10)
	go func() {
		for {
			conn, err := l.Accept()
			if err == nil {
				err = conn.Close()
			}
			accepted <- err
			if err != nil {
				return
			}
		}
	}()
	connectTo := func() {
		t.Helper()
		conn, err := new(net.Dialer).DialContext(t.Context(), "unix", path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
	for range 3 {
		if err := l.Rest(); err != nil {
			t.Fatal(err)
		}
		<-time.After(20 * time.Millisecond) // an Accept that was about to begin has seen it
		connectTo()
		select {
		case err := <-accepted:
			t.Fatalf("somebody is let in during a rest: %v", err)
		case <-time.After(50 * time.Millisecond):
		}
		if err := l.Resume(); err != nil {
			t.Fatal(err)
		}
		if err := within(t, accepted, "the connection"); err != nil {
			t.Fatal(err)
		}
	}

	if err := l.Rest(); err != nil {
		t.Fatal(err)
	}
	<-time.After(20 * time.Millisecond)
	connectTo()
	fd, err := Duplicate(l)
	if err != nil {
		t.Fatal(err)
	}
	successor, err := Inherit(os.NewFile(uintptr(fd), "successor"))
	if err != nil {
		t.Fatal(err)
	}
	l.Disown()
	closeListener(t, l)
	if err := within(t, accepted, "the end of a rest by closing"); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a listener that is closed while it rests says %v", err)
	}
	conn, err := successor.Accept()
	if err != nil {
		t.Fatalf("the successor does not get the connection that waits: %v", err)
	}
	if err := errors.Join(conn.Close(), successor.Own()); err != nil {
		t.Fatal(err)
	}
	closeListener(t, successor)
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the last owner leaves its socket behind: %v", err)
	}
}

// What somebody has put in the socket's place is not passed on as the listener's own, and
// neither is nothing.
func TestOwnedIsOnlyTheSocketItself(t *testing.T) {
	t.Parallel()
	path := filepath.Join(socketDir(t), "owned")
	l, err := Listen("unix://"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !l.Owned() {
		t.Error("a new socket is not owned")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if l.Owned() {
		t.Error("a socket that is gone is owned")
	}
	if err := os.Symlink("/run/containerd/containerd.sock", path); err != nil {
		t.Fatal(err)
	}
	if l.Owned() {
		t.Error("somebody's link to the runtime is owned")
	}
	closeListener(t, l)
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the link has gone with the listener: %v", err)
	}
}

// Leave serves what there is for as long as it lasts, the endless streams too.
func TestLeaveEndsWithTheLastStream(t *testing.T) {
	t.Parallel()
	let := make(chan struct{})
	b := newBed(t, blocked(let), func(o *Options) { o.DrainTimeout = time.Nanosecond })
	done := b.invokeLater(versionMethod)
	b.call(0)
	b.proxy.Leave()
	b.closed()
	select {
	case err := <-b.served:
		t.Fatalf("Serve did not wait for the call: %v", err)
	case err := <-done:
		t.Fatalf("the call was not left alone: %v", err)
	case <-time.After(500 * time.Millisecond): // well past the grace
	}
	close(let)
	if err := within(t, done, "the call"); err != nil {
		t.Errorf("the call failed: %v", err)
	}
	if err := b.finished(); err != nil {
		t.Errorf("Serve returned %v", err)
	}
}

// Whoever leaves can still be told to end.
func TestLeaveEndsWhenToldTo(t *testing.T) {
	t.Parallel()
	b := newBed(t, endless, func(o *Options) { o.DrainTimeout = forever })
	cs := b.open(eventsMethod)
	send(t, cs, "request")
	mustRecv(t, cs, "first")
	b.proxy.Leave()
	b.closed()
	select {
	case err := <-b.served:
		t.Fatalf("Serve did not wait for the stream: %v", err)
	case <-time.After(500 * time.Millisecond):
	}
	b.stop()
	if _, err := recv(cs); err == nil {
		t.Error("the stream goes on")
	}
	if err := b.finished(); err != nil {
		t.Errorf("Serve returned %v", err)
	}
}
