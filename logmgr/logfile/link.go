package logfile

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// dirMode is the mode of a log directory, as kubelet and containerd make it.
const dirMode = 0o755

// MakeDir opens the directory rel below the root and makes what is missing of it, with
// the mode that kubelet gives it. Errors are those of Dir.
func (r *Root) MakeDir(rel string) (*Dir, error) {
	dir, err := r.Dir(rel)
	if !errors.Is(err, fs.ErrNotExist) {
		return dir, err
	}
	parent := "."
	for name := range strings.SplitSeq(rel, "/") {
		if err := r.makeIn(parent, name); err != nil {
			return nil, fmt.Errorf("make log directory %q in %q: %w", rel, r.path, err)
		}
		parent = path.Join(parent, name)
	}
	return r.Dir(rel)
}

func (r *Root) makeIn(parent, name string) error {
	d, err := r.resolve(parent, unix.O_PATH)
	if err != nil {
		return err
	}
	err = ignoringEINTR(func() error { return unix.Mkdirat(d.fd, name, dirMode) })
	switch {
	case err == nil: // the service's umask has taken away what readers need
		err = chmodDir(d.fd, name)
	case errors.Is(err, fs.ErrExist):
		err = nil
	}
	return errors.Join(err, d.close())
}

// chmodDir gives a directory that was just made the mode that it is to have.
func chmodDir(parent int, name string) error {
	fd := -1
	err := ignoringEINTR(func() (err error) {
		fd, err = unix.Openat(parent, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return err
	}
	return errors.Join(unix.Fchmod(fd, dirMode), unix.Close(fd))
}

// Link makes name a symbolic link to target. A link that leads elsewhere is replaced in
// one step; anything else under that name stays, and the error wraps fs.ErrExist.
func (d *Dir) Link(name, target string) error {
	fd, err := d.dir.acquire()
	if err != nil {
		return d.failed("link", name, err)
	}
	defer d.dir.release()
	if err := d.link(fd, name, target); err != nil {
		return d.failed("link", name, err)
	}
	return nil
}

func (d *Dir) link(fd int, name, target string) error {
	old, err := readLink(fd, name)
	switch {
	case err == nil && old == target:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return ignoringEINTR(func() error { return unix.Symlinkat(target, fd, name) })
	case err != nil:
		return err
	}
	tmp := "." + name + ".link"
	if _, err := readLink(fd, tmp); err == nil { // of an attempt that was cut short
		if err := ignoringEINTR(func() error { return unix.Unlinkat(fd, tmp, 0) }); err != nil {
			return err
		}
	}
	if err := ignoringEINTR(func() error { return unix.Symlinkat(target, fd, tmp) }); err != nil {
		return err
	}
	exchange := func() error { return unix.Renameat2(fd, tmp, fd, name, unix.RENAME_EXCHANGE) }
	if err := ignoringEINTR(exchange); err != nil {
		return errors.Join(err, unix.Unlinkat(fd, tmp, 0))
	}
	// A file may have taken the old link's place just before the exchange.
	if _, err := readLink(fd, tmp); err != nil {
		if back := ignoringEINTR(exchange); back != nil {
			return errors.Join(err, back) // what was there is now called tmp, and stays
		}
		return errors.Join(err, unix.Unlinkat(fd, tmp, 0))
	}
	return ignoringEINTR(func() error { return unix.Unlinkat(fd, tmp, 0) })
}

// RemoveDanglingLink removes name if it is a symbolic link that leads nowhere.
func (d *Dir) RemoveDanglingLink(name string) error {
	fd, err := d.dir.acquire()
	if err != nil {
		return d.failed("remove link", name, err)
	}
	defer d.dir.release()
	if _, err := readLink(fd, name); err != nil {
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) {
			return nil
		}
		return d.failed("remove link", name, err)
	}
	var st unix.Stat_t
	if err := unix.Fstatat(fd, name, &st, 0); !errors.Is(err, fs.ErrNotExist) {
		return nil // it leads somewhere, or nobody can tell
	}
	if err := unix.Unlinkat(fd, name, 0); err != nil {
		return d.failed("remove link", name, err)
	}
	return nil
}

// readLink returns where the link name leads: fs.ErrExist if it is no link.
func readLink(fd int, name string) (string, error) {
	if err := checkName(name); err != nil {
		return "", err
	}
	target := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(fd, name, target)
	if errors.Is(err, unix.EINVAL) {
		return "", fmt.Errorf("%w and is no link", fs.ErrExist)
	}
	if err != nil {
		return "", err
	}
	return string(target[:n]), nil
}
