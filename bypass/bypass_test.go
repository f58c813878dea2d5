package bypass_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/cri-logshim/cri-logshim/bypass"
)

// newNode returns the endpoints of a node that nobody has touched.
func newNode(t *testing.T) bypass.Endpoints {
	t.Helper()
	dir := t.TempDir()
	return bypass.Endpoints{
		Link:    filepath.Join(dir, "run", "kubelet.sock"),
		Shim:    filepath.Join(dir, "run", "shim.sock"),
		Runtime: filepath.Join(dir, "runtime.sock"),
	}
}

// needsRoot reports a test that only root can run in the file of tests that were not run.
func needsRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if path := os.Getenv("CRI_LOGSHIM_NOT_RUN_FILE"); path != "" {
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		_, err = fmt.Fprintln(f, t.Name())
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	t.Skip("needs root: mounts a file system")
}

// wantWay holds where the link leads and whether the bypass is on.
func wantWay(t *testing.T, e bypass.Endpoints, way bypass.Way, on bool) {
	t.Helper()
	s, err := e.Status()
	if err != nil {
		t.Fatal(err)
	}
	if s.Way != way || (s.Bypass != nil) != on {
		t.Errorf("the link leads to %s (%q), bypass %v, want %s, %t", s.Way, s.Target, s.Bypass, way, on)
	}
}

// A bypass stays until it is taken off, by hand or, if it is automatic, by a daemon that
// has proved itself; nothing but that ends it.
func TestOnAndOff(t *testing.T) {
	e := newNode(t)
	wantWay(t, e, bypass.Missing, false)
	keep := func(to bypass.Way, proven bool) {
		t.Helper()
		if _, _, err := e.Keep(t.Context(), to, proven); err != nil {
			t.Fatal(err)
		}
	}
	keep(bypass.ToShim, false)
	wantWay(t, e, bypass.ToShim, false)
	for _, automatic := range []bool{false, true} {
		state := bypass.State{Automatic: automatic, Since: time.Unix(1_700_000_000, 0).UTC(), Reason: "a slow\ncall"}
		if err := e.Lead(t.Context(), state); err != nil {
			t.Fatal(err)
		}
		keep(bypass.ToShim, false)
		wantWay(t, e, bypass.ToRuntime, true)
		got, err := e.Status()
		state.Reason = "a slow call"
		if err != nil || !cmp.Equal(got.Bypass, &state) {
			t.Errorf("the bypass is %v, %v, want %v", got.Bypass, err, state)
		}
		keep(bypass.ToShim, true)
		if !automatic {
			wantWay(t, e, bypass.ToRuntime, true)
			if err := e.Return(t.Context(), bypass.ToShim); err != nil {
				t.Fatal(err)
			}
		}
		wantWay(t, e, bypass.ToShim, false)
	}
	keep(bypass.ToRuntime, false)
	wantWay(t, e, bypass.ToRuntime, false)
}

// Whoever looks at any moment while the link is led to and fro finds it, and one of both
// targets in it.
func TestAtomic(t *testing.T) {
	e := newNode(t)
	if err := e.Return(t.Context(), bypass.ToShim); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	var leaders sync.WaitGroup
	for range 2 {
		leaders.Go(func() {
			for range 300 {
				if err := errors.Join(e.Lead(t.Context(), bypass.State{}), e.Return(t.Context(), bypass.ToShim)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	go func() {
		leaders.Wait()
		close(done)
	}()
	for looks := 0; ; looks++ {
		target, err := os.Readlink(e.Link)
		if err != nil || target != e.Shim && target != e.Runtime {
			t.Fatalf("look %d: %q, %v", looks, target, err)
		}
		select {
		case <-done:
			return
		default:
		}
	}
}

// What is no link is never replaced, whether or not somebody serves there, and nobody is
// told that it was.
func TestNeverReplaced(t *testing.T) {
	listen := func(t *testing.T, path string) net.Listener {
		t.Helper()
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		return l
	}
	for name, test := range map[string]struct {
		put  func(t *testing.T, path string)
		says string
	}{
		"a live socket": {func(t *testing.T, path string) { t.Helper(); listen(t, path) }, "there is a socket"},
		"a dead socket": {func(t *testing.T, path string) {
			t.Helper()
			l := listen(t, path).(*net.UnixListener)
			l.SetUnlinkOnClose(false)
			l.Close()
		}, "there is a socket"},
		"a file": {func(t *testing.T, path string) {
			t.Helper()
			if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "something else"},
		"a directory": {func(t *testing.T, path string) {
			t.Helper()
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, "something else"},
	} {
		t.Run(name, func(t *testing.T) {
			e := newNode(t)
			if err := os.MkdirAll(filepath.Dir(e.Link), 0o700); err != nil {
				t.Fatal(err)
			}
			test.put(t, e.Link)
			before, err := os.Lstat(e.Link)
			if err != nil {
				t.Fatal(err)
			}
			_, _, keepErr := e.Keep(t.Context(), bypass.ToShim, true)
			for what, err := range map[string]error{"Lead": e.Lead(t.Context(), bypass.State{}), "Return": e.Return(t.Context(), bypass.ToShim), "Keep": keepErr} {
				if err == nil || !strings.Contains(err.Error(), test.says) || !strings.Contains(err.Error(), e.Link) {
					t.Errorf("%s: %v, want %q and the path", what, err, test.says)
				}
			}
			if after, err := os.Lstat(e.Link); err != nil || !os.SameFile(before, after) {
				t.Errorf("it was replaced: %v", err)
			}
		})
	}
}

// A link to a socket that a stranger serves is left alone; one that this daemon has made
// with other settings, or that leads nowhere, is not.
func TestElsewhere(t *testing.T) {
	e := newNode(t)
	strange := filepath.Join(filepath.Dir(e.Runtime), "other.sock")
	if err := errors.Join(os.MkdirAll(filepath.Dir(e.Link), 0o700), os.Symlink(strange, e.Link)); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", strange)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, _, err := e.Keep(t.Context(), bypass.ToShim, true); !errors.Is(err, bypass.ErrElsewhere) {
		t.Errorf("kept with %v, want %v", err, bypass.ErrElsewhere)
	}
	wantWay(t, e, bypass.Elsewhere, false)

	before := e
	before.Runtime = strange
	if err := before.Save(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := e.Keep(t.Context(), bypass.ToShim, true); err != nil {
		t.Error(err)
	}
	wantWay(t, e, bypass.ToShim, false)

	if err := errors.Join(e.Save(t.Context()), l.Close(), os.Remove(e.Link), os.Symlink(strange, e.Link)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := e.Keep(t.Context(), bypass.ToShim, true); err != nil {
		t.Error(err)
	}
	wantWay(t, e, bypass.ToShim, false)
}

// What was saved is found again; what is cut or foreign is an error and no path.
func TestLast(t *testing.T) {
	e := newNode(t)
	dir := filepath.Dir(e.Shim)
	if _, err := bypass.Last(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("nothing was saved: %v", err)
	}
	if err := e.Save(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := bypass.Last(dir); err != nil || got != e {
		t.Errorf("found %+v, %v, want %+v", got, err, e)
	}
	for _, text := range []string{"", "link: " + e.Link + "\n", "link: a\nshim: b\nruntime: c\n", "\x00\xff"} {
		if err := os.WriteFile(filepath.Join(dir, "bypass.endpoints"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := bypass.Last(dir); err == nil {
			t.Errorf("%q is taken for %+v", text, got)
		}
	}
	if err := errors.Join(bypass.Forget(dir), bypass.Forget(dir)); err != nil {
		t.Error(err)
	}
}

// A state of which only the name could be written is an automatic bypass, since a person's
// is written whole or not at all.
func TestCutState(t *testing.T) {
	e := newNode(t)
	if err := e.Return(t.Context(), bypass.ToShim); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "by: auto", "\x00", "by: manual-ish\nsince: soon\n"} {
		if err := os.WriteFile(filepath.Join(filepath.Dir(e.Shim), "bypass.state"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := e.Status()
		if err != nil || s.Bypass == nil || !s.Bypass.Automatic || time.Since(s.Bypass.Since) > time.Minute {
			t.Errorf("%q: %+v, %v", text, s.Bypass, err)
		}
	}
}

// On a file system without room for a byte, and without an inode for another link, kubelet
// is led past the shim all the same, and back when there is room.
func TestFull(t *testing.T) {
	needsRoot(t)
	e := newNode(t)
	dir := filepath.Dir(e.Link)
	if err := errors.Join(os.MkdirAll(dir, 0o700), unix.Mount("tmpfs", dir, "tmpfs", 0, "size=16k,nr_inodes=20")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	if err := errors.Join(e.Save(t.Context()), e.Return(t.Context(), bypass.ToShim)); err != nil {
		t.Fatal(err)
	}
	fill := func() (names []string) {
		for i := 0; ; i++ {
			name := filepath.Join(dir, "filler"+string(rune('a'+i)))
			if err := os.WriteFile(name, make([]byte, 4096), 0o600); err != nil {
				if f, err := os.Create(name); err == nil {
					names = append(names, name)
					f.Close()
					continue
				}
				return names
			}
			names = append(names, name)
		}
	}
	fill()
	var unrecorded *bypass.RecordError
	if err := e.Lead(t.Context(), bypass.State{}); !errors.As(err, &unrecorded) {
		t.Errorf("led past with %v, want a %T", err, unrecorded)
	}
	wantWay(t, e, bypass.ToRuntime, false)
	fillers := fill() // with the inode of the link that is gone
	if err := e.Return(t.Context(), bypass.ToShim); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("led back with %v, want %v", err, unix.ENOSPC)
	}
	wantWay(t, e, bypass.ToRuntime, false)
	for _, name := range fillers {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(e.Return(t.Context(), bypass.ToShim), e.Save(t.Context())); err != nil {
		t.Error(err)
	}
	wantWay(t, e, bypass.ToShim, false)
}

// hold locks the folder of the shim's socket as another process would that hangs, until it is
// let go.
func hold(t *testing.T, e bypass.Endpoints) (letGo func()) {
	t.Helper()
	dir := filepath.Dir(e.Shim)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	lock, err := os.Open(dir)
	if err == nil {
		err = unix.Flock(int(lock.Fd()), unix.LOCK_EX)
	}
	if err != nil {
		t.Fatal(err)
	}
	letGo = sync.OnceFunc(func() { lock.Close() })
	t.Cleanup(letGo)
	return letGo
}

// Another process that hangs while it leads kubelet's link holds nobody up for longer than some
// seconds, or than the caller's patience; nothing is changed beside it.
func TestBusy(t *testing.T) {
	t.Parallel()
	e := newNode(t)
	letGo := hold(t, e)
	patient, tired := context.WithTimeout(t.Context(), time.Minute) // whose end would be another error
	defer tired()
	if err := e.Lead(patient, bypass.State{}); !errors.Is(err, bypass.ErrBusy) || !strings.Contains(err.Error(), filepath.Dir(e.Shim)) {
		t.Errorf("led with %v, want %v", err, bypass.ErrBusy)
	}
	why := errors.New("no patience")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	if _, _, err := e.Keep(ctx, bypass.ToShim, true); !errors.Is(err, why) {
		t.Errorf("kept with %v, want %v", err, why)
	}
	wantWay(t, e, bypass.Missing, false)
	letGo()
	if err := e.Lead(t.Context(), bypass.State{}); err != nil {
		t.Error(err)
	}
	wantWay(t, e, bypass.ToRuntime, true)
}
