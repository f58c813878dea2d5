package proxy

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func closeListener(t *testing.T, l net.Listener) {
	t.Helper()
	if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

// serves tells whether whoever holds l is who is met at path.
func serves(t *testing.T, l net.Listener, path string) {
	t.Helper()
	const greeting = "it is me"
	accepted := make(chan error, 1)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				accepted <- err
				return
			}
			// Who only looked whether somebody serves has left already.
			_, writeErr := conn.Write([]byte(greeting))
			if err := conn.Close(); writeErr == nil {
				accepted <- err
				return
			}
		}
	}()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Error(err)
		closeListener(t, l)
		if err := <-accepted; err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		return
	}
	got := make([]byte, len(greeting))
	if _, err := conn.Read(got); err != nil || string(got) != greeting {
		t.Errorf("met %q, %v", got, err)
	}
	if err := errors.Join(conn.Close(), within(t, accepted, "a connection")); err != nil {
		t.Error(err)
	}
}

// leaveDead makes a socket of a process that died.
func leaveDead(t *testing.T, path string) {
	t.Helper()
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	closeListener(t, l)
}

// Not parallel: the umask belongs to the process.
func TestTheSocketIsForItsOwnerOnly(t *testing.T) {
	for _, mask := range []int{0, 0o022, 0o077} {
		dir := filepath.Join(socketDir(t), "made")
		old := unix.Umask(mask)
		l, err := Listen("unix://"+dir+"/socket", nil)
		unix.Umask(old)
		if err != nil {
			t.Fatal(err)
		}
		for path, want := range map[string]fs.FileMode{
			dir:             fs.ModeDir | 0o700,
			dir + "/socket": fs.ModeSocket | 0o600,
		} {
			info, err := os.Lstat(path)
			if err != nil {
				t.Fatal(err)
			}
			if info.Mode() != want {
				t.Errorf("umask %o: mode of %s is %v, want %v", mask, path, info.Mode(), want)
			}
		}
		serves(t, l, dir+"/socket")
		closeListener(t, l)
	}
}

func TestADirectoryThatExistsKeepsItsMode(t *testing.T) {
	t.Parallel()
	dir := socketDir(t)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	l, err := Listen("unix://"+dir+"/socket", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer closeListener(t, l)
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("directory is %v, %v", info, err)
	}
}

func TestALiveSocketIsNotStolen(t *testing.T) {
	t.Parallel()
	path := socketDir(t) + "/socket"
	owner := listenUnix(t, path)
	if l, err := Listen("unix://"+path, nil); err == nil {
		closeListener(t, l)
		t.Error("stolen")
	} else if !strings.Contains(err.Error(), "another process serves there") {
		t.Errorf("the error does not say why: %v", err)
	}
	serves(t, owner, path)
}

// A process that is too busy to accept is alive.
func TestASocketWithAFullBacklogIsNotStolen(t *testing.T) {
	t.Parallel()
	path := socketDir(t) + "/socket"
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer closeFD(t, fd)
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrUnix{Name: path}), unix.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	for {
		waiting, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer closeFD(t, waiting)
		if err := unix.Connect(waiting, &unix.SockaddrUnix{Name: path}); errors.Is(err, unix.EAGAIN) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if l, err := Listen("unix://"+path, nil); err == nil {
		closeListener(t, l)
		t.Error("stolen")
	}
}

func closeFD(t *testing.T, fd int) {
	t.Helper()
	if err := unix.Close(fd); err != nil {
		t.Error(err)
	}
}

func TestADeadSocketIsReplaced(t *testing.T) {
	t.Parallel()
	path := socketDir(t) + "/socket"
	leaveDead(t, path)
	l, err := Listen("unix://"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	serves(t, l, path)
	closeListener(t, l)
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("closing left the socket behind: %v", err)
	}
}

// Whatever starts at the same time before a dead socket: one gets it and is the
// one that clients meet, all others are told that it is taken.
func TestOfManyStartersOneServes(t *testing.T) {
	t.Parallel()
	path := socketDir(t) + "/socket"
	for round := range 50 {
		leaveDead(t, path)
		var starters sync.WaitGroup
		listeners := make([]net.Listener, 8)
		begin := make(chan struct{})
		for i := range listeners {
			starters.Go(func() {
				<-begin
				l, err := Listen("unix://"+path, nil)
				if err == nil {
					listeners[i] = l
				} else if !strings.Contains(err.Error(), "another process serves there") {
					t.Errorf("a starter failed with: %v", err)
				}
			})
		}
		close(begin)
		starters.Wait()
		winners := 0
		for _, l := range listeners {
			if l != nil {
				winners++
				serves(t, l, path)
				closeListener(t, l)
			}
		}
		if winners != 1 {
			t.Fatalf("round %d: %d starters hold the socket", round, winners)
		}
	}
}

// What is no dead socket stays where it is.
func TestNothingElseIsReplaced(t *testing.T) {
	t.Parallel()
	for what, put := range map[string]func(t *testing.T, path string) error{
		"file":      func(_ *testing.T, path string) error { return os.WriteFile(path, []byte("precious"), 0o600) },
		"directory": func(_ *testing.T, path string) error { return os.Mkdir(path, 0o700) },
		"fifo":      func(_ *testing.T, path string) error { return unix.Mkfifo(path, 0o600) },
		"link to a live socket": func(t *testing.T, path string) error {
			listenUnix(t, path+".live")
			return os.Symlink(path+".live", path)
		},
		"link to nothing": func(_ *testing.T, path string) error { return os.Symlink(path+".nothing", path) },
		"datagram socket": func(t *testing.T, path string) error {
			conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
			if err == nil {
				t.Cleanup(func() {
					if err := conn.Close(); err != nil {
						t.Error(err)
					}
				})
			}
			return err
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			path := socketDir(t) + "/socket"
			if err := put(t, path); err != nil {
				t.Fatal(err)
			}
			before, err := os.Lstat(path)
			if err != nil {
				t.Fatal(err)
			}
			if l, err := Listen("unix://"+path, nil); err == nil {
				closeListener(t, l)
				t.Error("replaced")
			} else if !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "\n") {
				t.Errorf("not one clear line: %v", err)
			}
			if after, err := os.Lstat(path); err != nil || !os.SameFile(before, after) {
				t.Errorf("it is gone: %v", err)
			}
		})
	}
}

// An operator puts a link to the runtime in the socket's place, so that kubelet
// does without the proxy. The proxy that ends afterwards leaves the link alone.
func TestCloseLeavesWhatHasTakenTheSocketsPlace(t *testing.T) {
	t.Parallel()
	path := socketDir(t) + "/socket"
	l, err := Listen("unix://"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Symlink("runtime", path+".new"), os.Rename(path+".new", path)); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if to, err := os.Readlink(path); err != nil || to != "runtime" {
		t.Errorf("the link leads to %q, %v", to, err)
	}
	if err := l.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
}

func TestAnInheritedListenerIsTaken(t *testing.T) {
	t.Parallel()
	dir := socketDir(t)
	if err := os.Symlink(dir, dir+"/link"); err != nil {
		t.Fatal(err)
	}
	mine, other := listenUnix(t, dir+"/mine"), listenUnix(t, dir+"/other")
	for _, endpoint := range []string{dir + "/mine", dir + "/link/mine"} {
		l, err := Listen("unix://"+endpoint, []net.Listener{other, mine})
		if err != nil {
			t.Fatal(err)
		}
		if net.Listener(l.UnixListener) != mine {
			t.Errorf("%s: the listener is that of %v", endpoint, l.Addr())
		}
	}
	_, err := Listen("unix://"+dir+"/third", []net.Listener{other, mine})
	if err == nil || !strings.Contains(err.Error(), dir+"/mine") || !strings.Contains(err.Error(), dir+"/other") {
		t.Errorf("the error does not name what was inherited: %v", err)
	}
}

// Every fault is one line that names the endpoint and what is wrong with it.
func TestBadEndpointsAreOneClearLine(t *testing.T) {
	t.Parallel()
	dir := socketDir(t)
	if err := os.WriteFile(dir+"/file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	fits := "/" + strings.Repeat("x", maxSocketPath-1)
	for endpoint, want := range map[string]string{
		"":                                "must not be empty",
		"/run/a.sock":                     "must begin with unix://",
		"run/a.sock":                      "must begin with unix://",
		"tcp://127.0.0.1:1":               "must begin with unix://",
		"http:///run/a.sock":              "must begin with unix://",
		"unix://run/a.sock":               "must hold an absolute path",
		"unix:run/a.sock":                 "must hold an absolute path",
		"unix://":                         "must hold an absolute path",
		"unix:///run/a.sock?x=y":          "must hold a path and nothing else",
		"unix:///run/a#b":                 "must hold a path and nothing else",
		"unix:///run/%zz":                 "must be unix:///path",
		"unix://" + fits + "x":            "has 108 bytes, a unix socket takes at most 107",
		"unix://" + dir + "/no/no/a.sock": dir + `/no", which would hold the socket's directory, does not exist`,
		"unix://" + dir + "/file/a.sock":  "not a directory",
	} {
		_, err := Listen(endpoint, nil)
		if err == nil {
			t.Errorf("%s: accepted", endpoint)
			continue
		}
		if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error is %q, want %q", endpoint, err, want)
		}
	}
	if path, err := socketPath("unix://" + fits); err != nil || path != fits {
		t.Errorf("a path of %d bytes is refused: %v", len(fits), err)
	}
}

func TestNewRefusesBadEndpoints(t *testing.T) {
	t.Parallel()
	for want, o := range map[string]Options{
		`runtime endpoint "": must not be empty`:            {},
		`runtime endpoint "/a": must begin with unix://`:    {RuntimeEndpoint: "/a"},
		`image endpoint "tcp://b": must begin with unix://`: {RuntimeEndpoint: "unix:///a", ImageEndpoint: "tcp://b"},
	} {
		p, err := New(o)
		if err == nil {
			t.Errorf("%+v: accepted", o)
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		} else if err.Error() != want {
			t.Errorf("error is %q, want %q", err, want)
		}
	}
}

// A path may hold what has a meaning in URLs.
func TestOddPathsAreServedAndDialled(t *testing.T) {
	t.Parallel()
	b := newBed(t, echo)
	for _, name := range []string{"with space", "50%25", "a+b", "ünïcode", "a:b", "q%3Fq", "h%23h"} {
		endpoint := "unix://" + b.dir + "/" + name
		l, err := Listen(endpoint, nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		p, err := New(Options{RuntimeEndpoint: endpoint})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			closeListener(t, l)
			continue
		}
		conn, err := l.Accept()
		if err := errors.Join(err, conn.Close(), p.Close(), l.Close()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A process that hangs with the lock on the socket's directory keeps nobody waiting for ever.
func TestListenBesideHungProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	lock, err := os.Open(dir)
	if err == nil {
		err = unix.Flock(int(lock.Fd()), unix.LOCK_EX)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	ended := make(chan error, 1)
	go func() {
		_, err := Listen("unix://"+filepath.Join(dir, "cri.sock"), nil)
		ended <- err
	}()
	select {
	case err := <-ended:
		if err == nil || !strings.Contains(err.Error(), "another process has held it") || !strings.Contains(err.Error(), dir) {
			t.Errorf("listening beside it: %v", err)
		}
	case <-time.After(30 * time.Second):
		t.Error("it waits for ever")
	}
}
