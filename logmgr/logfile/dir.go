package logfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/cri-logshim/cri-logshim/logmgr/logname"
)

// Dir is a container's log directory, held by a descriptor: whatever is renamed or
// planted above it, the operations stay in this directory. Every name is a single name
// within it (else ErrName).
type Dir struct {
	root *Root
	rel  string
	dir  *descriptor // opened for reading: O_PATH does not do for fsync

	vouched ID // a file whose second name is known to be its twin
}

// Path is the directory's path, for messages.
func (d *Dir) Path() string { return filepath.Join(d.root.path, d.rel) }

// Close releases the directory. Operations under way finish first, later ones fail with
// fs.ErrClosed.
func (d *Dir) Close() error { return d.dir.close() }

// ProcPath is a path that leads to name in this very directory, whatever its own path
// names by now, and to the directory itself if name is empty. It is good until Close.
func (d *Dir) ProcPath(name string) string {
	return "/proc/self/fd/" + strconv.Itoa(d.dir.fd) + "/" + name
}

// Stat tells about the file name without following a link: fs.ErrNotExist, or ErrUnsafe
// if it is not a regular file of root's (or ours) with one link, its twin apart.
func (d *Dir) Stat(name string) (Info, error) {
	fd, err := d.dir.acquire()
	if err != nil {
		return Info{}, d.failed("stat", name, err)
	}
	defer d.dir.release()
	var st unix.Stat_t
	if err := lstat(fd, name, &st); err != nil {
		return Info{}, d.failed("stat", name, err)
	}
	if err := d.check(name, &st); err != nil {
		return Info{}, d.failed("stat", name, err)
	}
	return infoOf(&st), nil
}

// Lost tells whether the directory is no longer what its path names: removed, replaced,
// or behind a link.
func (d *Dir) Lost() (bool, error) {
	fd, err := d.dir.acquire()
	if err != nil {
		return false, d.failed("stat", ".", err)
	}
	defer d.dir.release()
	var held, named unix.Stat_t
	if err := unix.Fstat(fd, &held); err != nil {
		return false, d.failed("stat", ".", err)
	}
	now, err := d.root.open(d.rel, unix.O_PATH)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrUnsafe) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for log directory %q: %w", d.Path(), err)
	}
	err = unix.Fstat(now.fd, &named)
	if err := errors.Join(err, now.close()); err != nil {
		return false, fmt.Errorf("stat log directory %q: %w", d.Path(), err)
	}
	return idOf(&held) != idOf(&named), nil
}

// Open opens the file name for reading, under the rules of Stat. It never waits for a
// fifo's other end.
func (d *Dir) Open(name string) (*os.File, error) { return d.openID(name, ID{}) }

// openID opens the file name if it is the file want, or whichever it is if want is zero.
func (d *Dir) openID(name string, want ID) (*os.File, error) {
	before, err := d.Stat(name) // opening a device may do something: look first
	if err != nil {
		return nil, err
	}
	if want == (ID{}) {
		want = before.ID
	}
	if before.ID != want {
		return nil, d.failed("open", name, ErrChanged)
	}
	fd, err := d.openat(name, unix.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, d.failed("open", name, err)
	}
	f := os.NewFile(uintptr(fd), d.Path()+"/"+name)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, errors.Join(d.failed("stat", name, err), f.Close())
	}
	if err := d.check(name, &st); err != nil {
		return nil, errors.Join(d.failed("open", name, err), f.Close())
	}
	if idOf(&st) != want {
		return nil, errors.Join(d.failed("open", name, ErrChanged), f.Close())
	}
	return f, nil
}

// openat opens name in the directory, never through a link.
func (d *Dir) openat(name string, flags int, mode uint32) (int, error) {
	if err := checkName(name); err != nil && name != "." {
		return -1, err
	}
	dirFD, err := d.dir.acquire()
	if err != nil {
		return -1, err
	}
	defer d.dir.release()
	fd := -1
	err = ignoringEINTR(func() (err error) {
		fd, err = unix.Openat(dirFD, name, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC, mode)
		return err
	})
	if errors.Is(err, unix.ELOOP) {
		return -1, fmt.Errorf("%w: a link: %w", ErrUnsafe, err)
	}
	return fd, err
}

// Remove removes the file name if it is the file want (else ErrChanged), and its twin
// before it.
func (d *Dir) Remove(name string, want ID) error {
	defer d.twinTurn()()
	fd, err := d.dir.acquire()
	if err != nil {
		return d.failed("remove", name, err)
	}
	defer d.dir.release()
	links, err := d.expect(fd, name, want)
	if err != nil {
		return d.failed("remove", name, err)
	}
	if links > 1 {
		if err := d.removeTwin(name, want); err != nil {
			return d.failed("remove the second name of", name, err)
		}
	}
	if err := ignoringEINTR(func() error { return unix.Unlinkat(fd, name, 0) }); err != nil {
		return d.failed("remove", name, err)
	}
	return nil
}

// RemoveTemporary removes an unfinished compression, whatever kind of file stands there
// under its name. ErrHeld if somebody is writing it; ErrName if name is not one of a
// temporary file.
func (d *Dir) RemoveTemporary(name string) error {
	if !isTemporaryName(name) {
		return d.failed("remove temporary", name, ErrName)
	}
	held, err := d.Held(name)
	switch {
	case held:
		return d.failed("remove temporary", name, ErrHeld)
	case errors.Is(err, fs.ErrNotExist):
		return err
	}
	// Any other error means something planted, which is only unlinked, or a file system
	// without leases; kubelet removes such files without a look.
	fd, err := d.dir.acquire()
	if err != nil {
		return d.failed("remove temporary", name, err)
	}
	defer d.dir.release()
	if err := ignoringEINTR(func() error { return unix.Unlinkat(fd, name, 0) }); err != nil {
		return d.failed("remove temporary", name, err)
	}
	return nil
}

// Sync makes the directory's entries durable.
func (d *Dir) Sync() error {
	fd, err := d.dir.acquire()
	if err != nil {
		return d.failed("sync", ".", err)
	}
	defer d.dir.release()
	if err := ignoringEINTR(func() error { return unix.Fsync(fd) }); err != nil {
		return d.failed("sync", ".", err)
	}
	return nil
}

// failed is the error of an operation on one name in the directory.
func (d *Dir) failed(operation, name string, err error) error {
	return fmt.Errorf("%s %q in %q: %w", operation, name, d.Path(), err)
}

// check refuses everything but a regular file of a trusted owner with one link, its
// twin apart.
func (d *Dir) check(name string, st *unix.Stat_t) error {
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return fmt.Errorf("%w: not a regular file", ErrUnsafe)
	case st.Uid != 0 && st.Uid != d.root.uid:
		return fmt.Errorf("%w: belongs to user %d", ErrUnsafe, st.Uid)
	case uint64(st.Nlink) <= d.root.links: //nolint:unconvert // 32 bits wide on arm64
		return nil
	}
	if st.Nlink == maxLinks+1 {
		has, err := d.hasTwin(name, idOf(st))
		if has || err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: has %d links", ErrUnsafe, st.Nlink)
}

// expect refuses name unless it is, now, the file want. It returns how many names the
// file has.
func (d *Dir) expect(dirFD int, name string, want ID) (links uint64, err error) {
	var st unix.Stat_t
	if err := lstat(dirFD, name, &st); err != nil {
		return 0, err
	}
	if idOf(&st) != want {
		return 0, ErrChanged
	}
	return uint64(st.Nlink), d.check(name, &st) //nolint:unconvert // 32 bits wide on arm64
}

// verify returns nil if name is, now, the file want.
func (d *Dir) verify(name string, want ID) error {
	fd, err := d.dir.acquire()
	if err != nil {
		return d.failed("stat", name, err)
	}
	defer d.dir.release()
	if _, err := d.expect(fd, name, want); err != nil {
		return d.failed("stat", name, err)
	}
	return nil
}

// lstat is the one way to look at a name: it never follows a link.
func lstat(dirFD int, name string, st *unix.Stat_t) error {
	if err := checkName(name); err != nil {
		return err
	}
	for {
		if err := unix.Fstatat(dirFD, name, st, unix.AT_SYMLINK_NOFOLLOW); err != unix.EINTR {
			return err
		}
	}
}

// isTemporaryName tells whether name may be removed as an unfinished compression of
// whichever log.
func isTemporaryName(name string) bool {
	r, ok := parseFileName(name)
	return ok && r.Temporary
}

// parseFileName takes the name of a rotated or temporary file apart, of whichever log.
func parseFileName(name string) (r logname.Rotated, ok bool) {
	for i := range len(name) {
		if name[i] != '.' {
			continue
		}
		if r, ok := logname.ParseRotated(name[:i], name); ok {
			return r, true
		}
	}
	return logname.Rotated{}, false
}
