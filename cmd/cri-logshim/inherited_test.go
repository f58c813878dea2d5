package main

import (
	"net"
	"os"
	"strings"
	"testing"

	"google.golang.org/grpc"
)

// inherit makes a socket as systemd does, and returns its listener and the
// descriptor to pass on.
func inherit(t *testing.T, path string) *os.File {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	file, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := file.Close(); err != nil {
			t.Error(err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return file
}

// A socket that systemd holds is served, and outlives the daemon: a call that
// is made while none runs is answered by the next one.
func TestInherited(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	newFakeRuntime().serve(t, p.config.RuntimeEndpoint)
	if err := os.Mkdir(p.dir+"/shim", 0o700); err != nil {
		t.Fatal(err)
	}
	passed := extras{env: []string{"LISTEN_FDS=1"}, files: []*os.File{inherit(t, socketOf(p.config.Listen))}}
	first := p.serve(t, passed)
	works(t, p)
	first.end(t)

	waiting := make(chan error, 1)
	conn := dial(t, p.config.Listen)
	conn.Connect()
	go func() { waiting <- callVersion(t, conn, grpc.WaitForReady(true)) }()
	second := p.serve(t, passed)
	if err := receive(t, "the call between two daemons", waiting); err != nil {
		t.Errorf("a call between two daemons: %v", err)
	}
	second.end(t)
	if !exists(t, socketOf(p.config.Listen)) {
		t.Error("the daemon has removed the socket of systemd")
	}
}

// Sockets that were meant for something else are an error of the set-up, which
// is told in one line.
func TestInheritedOthers(t *testing.T) {
	t.Parallel()
	for name, pass := range map[string]func(*testing.T, *place) *os.File{
		"another path": func(t *testing.T, p *place) *os.File { t.Helper(); return inherit(t, p.dir+"/other.sock") },
		"a file": func(t *testing.T, p *place) *os.File {
			t.Helper()
			file, err := os.Create(p.dir + "/file")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := file.Close(); err != nil {
					t.Error(err)
				}
			})
			return file
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			d := p.serve(t, extras{env: []string{"LISTEN_FDS=1"}, files: []*os.File{pass(t, p)}})
			if code := d.exit(t); code != 1 {
				t.Errorf("exit code %d, want 1", code)
			}
			if said := d.said(""); len(said) != 1 || !strings.Contains(said[0], "socket") {
				t.Errorf("it says %q, want one line about the sockets", said)
			}
		})
	}
}
