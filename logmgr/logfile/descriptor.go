package logfile

import (
	"io/fs"
	"sync"

	"golang.org/x/sys/unix"
)

// descriptor is a file descriptor that may be closed while it is in use. The number is
// given back to the kernel only after the last user has released it, so that no
// operation ever lands in a directory that was opened later under the same number; and
// closing does not wait for a user that hangs in a stuck disk.
type descriptor struct {
	mu     sync.Mutex
	fd     int
	users  int
	closed bool
}

// acquire returns the number for use until release, or fs.ErrClosed.
func (d *descriptor) acquire() (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return -1, fs.ErrClosed
	}
	d.users++
	return d.fd, nil
}

// release ends the use that acquire began. Closing a directory that was never written
// through this descriptor has no error worth telling.
func (d *descriptor) release() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.users--
	if d.closed && d.users == 0 {
		_ = unix.Close(d.fd)
	}
}

// close closes the descriptor as soon as nobody uses it.
func (d *descriptor) close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return fs.ErrClosed
	}
	d.closed = true
	if d.users > 0 {
		return nil
	}
	return unix.Close(d.fd)
}
