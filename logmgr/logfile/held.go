package logfile

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Held tells whether any process has the file name open for writing: a runtime may still
// flush lines into a log that has been rotated. On a file system without leases it
// returns an error that wraps errors.ErrUnsupported.
func (d *Dir) Held(name string) (held bool, err error) {
	f, err := d.Open(name)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	held, err = heldForWriting(f)
	if err != nil {
		return false, d.failed("probe", name, err)
	}
	return held, nil
}

// heldForWriting asks the kernel for a read lease, which it refuses while the file is
// open for writing anywhere, and gives it back at once, because a writer's open would
// wait for it. A write lease would do that to readers as well. Needs to be the file's
// owner, or CAP_LEASE.
func heldForWriting(f *os.File) (bool, error) {
	fd := f.Fd()
	_, err := unix.FcntlInt(fd, unix.F_SETLEASE, unix.F_RDLCK)
	switch {
	case errors.Is(err, unix.EAGAIN):
		return true, nil
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.EOPNOTSUPP):
		return false, fmt.Errorf("lease: %w: %w", errors.ErrUnsupported, err)
	case err != nil:
		return false, fmt.Errorf("lease: %w", err)
	}
	if _, err := unix.FcntlInt(fd, unix.F_SETLEASE, unix.F_UNLCK); err != nil {
		return false, fmt.Errorf("give back lease: %w", err)
	}
	return false, nil
}
