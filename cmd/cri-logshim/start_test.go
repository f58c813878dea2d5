package main

import (
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
)

// A daemon with nothing in its way serves, on sockets that are for root only,
// and leaves none behind.
func TestStart(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	newFakeRuntime().serve(t, p.config.RuntimeEndpoint)
	d := p.serve(t, extras{})
	works(t, p)
	for path, mode := range map[string]fs.FileMode{
		socketOf(p.config.Listen):               fs.ModeSocket | 0o600,
		socketOf(p.config.Admin.Listen):         fs.ModeSocket | 0o600,
		filepath.Dir(socketOf(p.config.Listen)): fs.ModeDir | 0o700,
	} {
		if info, err := os.Stat(path); err != nil || info.Mode() != mode {
			t.Errorf("%s has mode %v, %v, want %v", path, info.Mode(), err, mode)
		}
	}
	d.end(t)
	for _, endpoint := range []string{p.config.Listen, p.config.Admin.Listen} {
		if exists(t, socketOf(endpoint)) {
			t.Errorf("%s is left behind", endpoint)
		}
	}
}

// The command line stands above the file.
func TestStartFlags(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	newFakeRuntime().serve(t, p.config.RuntimeEndpoint)
	runtime, listen := p.config.RuntimeEndpoint, p.config.Listen
	p.config.RuntimeEndpoint, p.config.Listen = runtime+".other", listen+".other"
	d := p.serve(t, extras{}, "--listen", listen, "--runtime-endpoint", runtime)
	p.config.Listen = listen
	works(t, p)
	d.end(t)
}

// A daemon that cannot do its work says why in one line, ends with 1, and
// leaves no socket behind.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		prepare func(t *testing.T, p *place) (flags []string)
		says    string
	}{
		"port in use": {func(t *testing.T, p *place) []string {
			t.Helper()
			p.config.Admin.Metrics = occupy(t, "tcp", "127.0.0.1:0").Addr().String()
			return nil
		}, "address already in use"},
		"admin in use": {func(t *testing.T, p *place) []string {
			t.Helper()
			occupy(t, "unix", socketOf(p.config.Admin.Listen))
			return nil
		}, "another process serves there"},
		"file in place": {func(t *testing.T, p *place) []string {
			t.Helper()
			write(t, socketOf(p.config.Listen))
			return nil
		}, "no socket"},
		"pods is a file": {func(t *testing.T, p *place) []string {
			t.Helper()
			write(t, p.config.PodLogsDir)
			return nil
		}, "podLogsDir"},
		"pods below a file": {func(t *testing.T, p *place) []string {
			t.Helper()
			write(t, p.config.PodLogsDir)
			p.config.PodLogsDir += "/below"
			return nil
		}, "podLogsDir"},
		"no directory": {func(_ *testing.T, p *place) []string {
			p.config.Listen = "unix://" + filepath.Join(p.dir, "missing", "too", "cri.sock")
			return nil
		}, "does not exist"},
		"bad endpoint": {func(*testing.T, *place) []string {
			return []string{"--runtime-endpoint", "/run/containerd/containerd.sock"}
		}, "--runtime-endpoint: must be unix://"},
		"other scheme": {func(*testing.T, *place) []string {
			return []string{"--listen", "tcp://127.0.0.1:1"}
		}, "listen: must be unix://"},
		"itself": {func(_ *testing.T, p *place) []string {
			return []string{"--runtime-endpoint", p.config.Listen}
		}, "must not be the same"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			if err := os.Mkdir(filepath.Join(p.dir, "shim"), 0o700); err != nil {
				t.Fatal(err)
			}
			flags := test.prepare(t, p)
			d := p.serve(t, extras{}, flags...)
			if code := d.exit(t); code != 1 {
				t.Errorf("exit code %d, want 1", code)
			}
			// In a container it warns of the processes that it cannot see.
			said := slices.DeleteFunc(d.said(""), func(line string) bool { return strings.Contains(line, "processes that read logs") })
			if len(said) != 1 || !strings.Contains(said[0], test.says) {
				t.Errorf("it says %q, want one line with %q", said, test.says)
			}
			if info, err := os.Lstat(socketOf(p.config.Listen)); err == nil && info.Mode().Type() == fs.ModeSocket {
				t.Error("its socket is left behind")
			}
		})
	}
}

// A socket that somebody serves stays theirs.
func TestStartBesideAnother(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	newFakeRuntime().serve(t, p.config.RuntimeEndpoint)
	first := p.serve(t, extras{})
	conn := works(t, p)
	second := p.serve(t, extras{})
	if code := second.exit(t); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	if said := second.said(""); len(said) != 1 || !strings.Contains(said[0], "another process serves there") {
		t.Errorf("it says %q, want one line that another process serves there", said)
	}
	for _, c := range []*grpc.ClientConn{conn, dial(t, p.config.Listen)} {
		if err := callVersion(t, c); err != nil {
			t.Errorf("the first daemon is disturbed: %v", err)
		}
	}
	first.end(t)
}

// A socket that nobody serves any longer is in nobody's way.
func TestStartAfterCrash(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	newFakeRuntime().serve(t, p.config.RuntimeEndpoint)
	first := p.serve(t, extras{})
	works(t, p)
	if err := first.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	first.exit(t)
	if !exists(t, socketOf(p.config.Listen)) {
		t.Fatal("the killed daemon has left no socket: this test shows nothing")
	}
	second := p.serve(t, extras{})
	works(t, p)
	second.end(t)
}

// occupy listens until the test is over.
func occupy(t *testing.T, network, address string) net.Listener {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func write(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, []byte("a file"), 0o600); err != nil {
		t.Fatal(err)
	}
}
