package logfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// beneath is how a path below the root is resolved: it never leaves the root and never
// passes a link.
const beneath = unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS

// Root is the directory below which all pods' logs lie (podLogsDir). The directory
// itself may be a link; nothing below it may.
type Root struct {
	// Rest, if not nil, is called between two pieces of a compression, with the time
	// that the last one took. It is to be set before anything is compressed.
	Rest func(worked time.Duration)

	twin  atomic.Pointer[Root] // where files may have a second name
	links uint64               // how many names a file may have, its twin apart

	path string
	uid  uint32         // besides root, the only owner that is trusted
	zone *time.Location // in which kubelet's names are read

	encoders encoders
	turns    turns // of a root of second names

	mu     sync.Mutex
	dir    *descriptor // nil after Close
	opened ID
}

// OpenRoot opens the directory path, following links. It needs openat2, that is Linux
// 5.6 or newer, and says so if that is what is missing.
func OpenRoot(path string) (*Root, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open pod logs directory %q: %w", path, err)
	}
	r := &Root{path: path, links: maxLinks, uid: uint32(os.Geteuid()), zone: time.Local}
	if err := r.reopen(); err != nil {
		return nil, err
	}
	d, err := r.resolve(".", unix.O_PATH)
	if errors.Is(err, unix.ENOSYS) {
		return nil, errors.Join(
			fmt.Errorf("open %q: the kernel has no openat2, which is needed to stay clear of planted links: Linux 5.6 or newer is required: %w", path, errors.ErrUnsupported),
			r.Close())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %q: %w", path, err), r.Close())
	}
	return r, d.close()
}

// Path is the absolute path that the root was opened by.
func (r *Root) Path() string { return r.path }

// Close releases the root's descriptor. Directories opened below it stay usable, but
// can no longer tell whether they are Lost.
func (r *Root) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.dir == nil {
		return fs.ErrClosed
	}
	err := r.dir.close()
	r.dir = nil
	return err
}

// Dir opens the directory rel below the root: fs.ErrNotExist if it is not there,
// ErrUnsafe if a link or something else that is no directory is in the way, ErrEscapes
// if rel does not lead below the root.
func (r *Root) Dir(rel string) (*Dir, error) {
	if rel == "." || !filepath.IsLocal(rel) || filepath.Clean(rel) != rel {
		return nil, fmt.Errorf("open log directory %q in %q: %w", rel, r.path, ErrEscapes)
	}
	d, err := r.open(rel, unix.O_RDONLY)
	if err != nil {
		return nil, fmt.Errorf("open log directory %q in %q: %w", rel, r.path, err)
	}
	return &Dir{root: r, rel: rel, dir: d}, nil
}

// open opens rel in the directory that the root's path names now: podLogsDir may have
// been removed and made again, and what we hold would then stay empty for ever.
func (r *Root) open(rel string, flags uint64) (*descriptor, error) {
	var st unix.Stat_t
	if err := ignoringEINTR(func() error { return unix.Stat(r.path, &st) }); err != nil {
		return nil, err
	}
	r.mu.Lock()
	stale := r.opened != idOf(&st)
	r.mu.Unlock()
	if stale {
		if err := r.reopen(); err != nil {
			return nil, err
		}
	}
	return r.resolve(rel, flags)
}

// reopen opens the root's path and puts it in place of what was open before.
func (r *Root) reopen() error {
	var st unix.Stat_t
	fd := -1
	err := ignoringEINTR(func() (err error) {
		fd, err = unix.Open(r.path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return fmt.Errorf("open pod logs directory %q: %w", r.path, err)
	}
	d := &descriptor{fd: fd}
	if err := unix.Fstat(fd, &st); err != nil {
		return errors.Join(fmt.Errorf("stat pod logs directory %q: %w", r.path, err), d.close())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.dir != nil:
		err = r.dir.close()
	case r.opened != ID{}: // closed meanwhile
		return errors.Join(fs.ErrClosed, d.close())
	}
	r.dir, r.opened = d, idOf(&st)
	return err
}

// resolve opens the directory rel below the root's descriptor.
func (r *Root) resolve(rel string, flags uint64) (*descriptor, error) {
	r.mu.Lock()
	root := r.dir
	r.mu.Unlock()
	if root == nil {
		return nil, fs.ErrClosed
	}
	rootFD, err := root.acquire()
	if err != nil {
		return nil, err
	}
	defer root.release()
	how := unix.OpenHow{Flags: flags | unix.O_DIRECTORY | unix.O_CLOEXEC | unix.O_NOFOLLOW, Resolve: beneath}
	fd := -1
	// EAGAIN: a rename somewhere on the machine came in between, and the kernel cannot
	// vouch for the path; it asks to try again.
	for attempts := 0; ; attempts++ {
		err := ignoringEINTR(func() (err error) {
			fd, err = unix.Openat2(rootFD, rel, &how)
			return err
		})
		switch {
		case err == nil:
			return &descriptor{fd: fd}, nil
		case errors.Is(err, unix.EAGAIN) && attempts < 100:
		case errors.Is(err, unix.ELOOP), errors.Is(err, unix.EXDEV), errors.Is(err, unix.ENOTDIR):
			return nil, fmt.Errorf("%w: a link or a file is in the way: %w", ErrUnsafe, err)
		default:
			return nil, err
		}
	}
}

// ignoringEINTR repeats a system call that a signal cut short: Go's own signals do that.
func ignoringEINTR(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
