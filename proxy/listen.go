package proxy

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	socketMode    = 0o600
	directoryMode = 0o700
	// backlog is how many connections may wait to be accepted. The kernel lowers
	// it to net.core.somaxconn, whose default it is.
	backlog = 4096
	// lockTime is how long a socket's directory may be locked by others.
	lockTime  = 3 * time.Second
	lockPause = 10 * time.Millisecond
)

// Listen returns the listener of endpoint (unix:///path): the one among the
// inherited ones that is bound to it, or, where none was inherited, a new one.
// Inherited listeners of which none is bound to endpoint are an error: somebody
// holds a socket that nobody would serve.
//
// A new socket has mode 0600 from its first moment. Its directory is made with
// mode 0700 if it is missing, but not the directory above. A socket on which
// somebody listens is never taken away, and neither is anything else that is no
// socket; one that nobody serves any longer is replaced. Two processes that try
// at the same time do not get in each other's way.
//
// Closing a new listener removes its socket, unless another file has taken its
// place. Closing an inherited one leaves the socket to whoever made it.
func Listen(endpoint string, inherited []net.Listener) (*Listener, error) {
	path, err := socketPath(endpoint)
	if err != nil {
		return nil, err
	}
	if len(inherited) > 0 {
		return chooseInherited(path, inherited)
	}
	l, err := listenNew(path)
	if err != nil {
		return nil, fmt.Errorf("listen on %q: %w", path, err)
	}
	return l, nil
}

func chooseInherited(path string, inherited []net.Listener) (*Listener, error) {
	var have []string
	for _, l := range inherited {
		addr := l.Addr().String()
		if l, is := l.(*net.UnixListener); is && (addr == path || sameFile(addr, path)) {
			return newListener(l), nil
		}
		have = append(have, addr)
	}
	return nil, fmt.Errorf("listen on %q: the inherited sockets are others: %s; under systemd, ListenStream= of the socket unit has to name the same path", path, strings.Join(have, ", "))
}

// listenNew makes the socket at path. Everything from the look at what is there
// to the listening socket happens under a lock on the directory: without it,
// two processes could both find a dead socket, and the slower one would remove
// the socket that the faster one has just begun to serve.
func listenNew(path string) (*Listener, error) {
	unlock, err := lockDirectory(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := removeDead(path); err != nil {
		return nil, err
	}

	l, err := bind(path)
	if err != nil {
		return nil, err
	}
	own := newListener(l)
	if err := own.Own(); err != nil {
		return nil, errors.Join(err, own.Close())
	}
	return own, nil
}

// lockDirectory makes dir if it is missing, and takes its lock. Nothing is left
// behind by a process that dies with it.
func lockDirectory(dir string) (unlock func(), err error) {
	err = os.Mkdir(dir, directoryMode)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("directory %q, which would hold the socket's directory, does not exist", filepath.Dir(dir))
	} else if err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}

	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open directory %q: %w", dir, err)
	}
	if err := acquire(fd); err != nil {
		return nil, errors.Join(fmt.Errorf("lock directory %q: %w", dir, err), unix.Close(fd))
	}
	// Closing releases the lock, and cannot fail in a way that keeps it.
	return func() { _ = unix.Close(fd) }, nil
}

// acquire locks a directory, unless another process has it locked for lockTime, which hangs
// then: what is done under the lock takes milliseconds.
func acquire(fd int) error {
	for began := time.Now(); ; time.Sleep(lockPause) {
		err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR):
			return err
		case time.Since(began) > lockTime:
			return fmt.Errorf("another process has held it for %v; fuser -v names it", lockTime)
		}
	}
}

// removeDead removes the socket at path if nobody listens on it. There being
// nothing at all is fine; everything else is an error.
func removeDead(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("there is something else at this path, and no socket: %s", info.Mode())
	}
	switch err := connect(path); {
	case errors.Is(err, unix.ECONNREFUSED):
		return os.Remove(path)
	case errors.Is(err, fs.ErrNotExist): // its owner removed it in this instant
		return nil
	case err == nil, errors.Is(err, unix.EAGAIN): // EAGAIN: its backlog is full
		return errors.New("another process serves there")
	default:
		return fmt.Errorf("find out whether another process serves there: %w", err)
	}
}

// connect tries to connect to the socket at path, and never waits.
func connect(path string) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return err
	}
	err = retryInterrupted(func() error { return unix.Connect(fd, &unix.SockaddrUnix{Name: path}) })
	return errors.Join(err, unix.Close(fd))
}

// bind makes a socket at path and listens on it. The mode is set before the
// socket has a name: it is what bind creates the name with, so that there is no
// moment in which others could connect.
func bind(path string) (*net.UnixListener, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("make a socket: %w", err)
	}
	file := os.NewFile(uintptr(fd), path)
	l, err := func() (*net.UnixListener, error) {
		if err := unix.Fchmod(fd, socketMode); err != nil {
			return nil, fmt.Errorf("set mode: %w", err)
		}
		if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
			return nil, fmt.Errorf("bind: %w", err)
		}
		if err := unix.Listen(fd, backlog); err != nil {
			return nil, errors.Join(err, os.Remove(path))
		}
		l, err := net.FileListener(file)
		if err != nil {
			return nil, err
		}
		return l.(*net.UnixListener), nil // bound as such, above
	}()
	if closeErr := file.Close(); closeErr != nil && err == nil {
		err = errors.Join(closeErr, l.Close())
	}
	return l, err
}

func retryInterrupted(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// sameFile tells whether both paths lead to one file, as /run and /var/run do.
func sameFile(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}
