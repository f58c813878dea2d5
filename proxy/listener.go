package proxy

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Listener is a listening unix socket. It can be passed on to another process, and
// rests while that is being done. Its methods may be called from any goroutine.
type Listener struct {
	*net.UnixListener

	mu      sync.Mutex
	path    string        // of the socket that goes when this is closed
	info    fs.FileInfo   // of that socket; nil: it is somebody else's
	resting chan struct{} // closed when the rest is over; nil: there is none

	once     sync.Once
	closed   chan struct{}
	closeErr error
}

func newListener(l *net.UnixListener) *Listener {
	return &Listener{UnixListener: l, closed: make(chan struct{})}
}

// Inherit returns the listener that another process has passed on as an open file,
// which it takes over. The socket's file is left to that process until Own.
func Inherit(file *os.File) (_ *Listener, err error) {
	defer func() { err = errors.Join(err, file.Close()) }()
	l, err := net.FileListener(file)
	if err != nil {
		return nil, fmt.Errorf("take over a listener: %w", err)
	}
	socket, is := l.(*net.UnixListener)
	if !is {
		return nil, errors.Join(fmt.Errorf("take over a listener: %s is no unix socket", l.Addr()), l.Close())
	}
	return newListener(socket), nil
}

// Accept waits for the next connection, also over a rest.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		conn, err := l.UnixListener.Accept()
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return conn, err
		}
		l.mu.Lock()
		over := l.resting
		l.mu.Unlock()
		if over == nil {
			continue
		}
		select {
		case <-over:
		case <-l.closed:
			return nil, net.ErrClosed
		}
	}
}

// Rest lets those who connect wait, until Resume or until somebody else accepts from the
// same socket. One that is being accepted in this instant may still be.
func (l *Listener) Rest() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.resting == nil {
		l.resting = make(chan struct{})
	}
	return l.SetDeadline(time.Unix(1, 0))
}

// Resume ends a rest.
func (l *Listener) Resume() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.SetDeadline(time.Time{})
	if l.resting != nil {
		close(l.resting)
		l.resting = nil
	}
	return err
}

// Owned tells whether there is a socket's file that goes when the listener is closed.
func (l *Listener) Owned() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	there, err := l.there()
	return there && err == nil
}

// Own makes the socket's file, as it is now, go when the listener is closed.
func (l *Listener) Own() error {
	path := l.Addr().String()
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.path, l.info = path, info
	return nil
}

// Disown leaves the socket's file to somebody else.
func (l *Listener) Disown() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.info = nil
}

// Close removes the socket if it is owned, and closes the listener. Closing again does
// nothing.
func (l *Listener) Close() error {
	l.once.Do(func() {
		close(l.closed)
		l.closeErr = errors.Join(l.remove(), l.UnixListener.Close())
	})
	return l.closeErr
}

// remove removes the socket, but not what has been put in its place: an
// operator may have made a link to the runtime there.
func (l *Listener) remove() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	there, err := l.there()
	if err != nil || !there {
		return err
	}
	return os.Remove(l.path)
}

// there tells whether the owned socket, if there is one, is still in its place.
func (l *Listener) there() (bool, error) {
	if l.info == nil {
		return false, nil
	}
	info, err := os.Lstat(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && os.SameFile(info, l.info), err
}

// Duplicate returns a new descriptor of a listening socket, to be passed on and to be
// closed. Unlike File of net's listeners it leaves the socket as it is: a descriptor that
// an os.File hands out is made to block, for whoever shares it.
func Duplicate(l syscall.Conn) (fd int, err error) {
	raw, err := l.SyscallConn()
	if err != nil {
		return -1, err
	}
	controlErr := raw.Control(func(own uintptr) {
		fd, err = unix.FcntlInt(own, unix.F_DUPFD_CLOEXEC, 0)
	})
	return fd, errors.Join(controlErr, err)
}
