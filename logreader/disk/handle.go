package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
	"github.com/cri-logshim/cri-logshim/logreader"
)

// Open implements logreader.Source.
func (d *Disk) Open(_ context.Context, c logreader.Container, f logreader.File) (_ logreader.Handle, err error) {
	dir, name, err := d.locate(c, f.Name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	file, err := dir.Open(name)
	switch {
	case errors.Is(err, logfile.ErrChanged): // while it was opened
		return nil, fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	case err != nil:
		return nil, err
	}
	id, err := identify(file, unix.Statx)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	if !id.Is(f.ID) {
		return nil, errors.Join(fmt.Errorf("open %q: %w: another file bears its name", file.Name(), fs.ErrNotExist), file.Close())
	}
	return handle{file}, nil
}

// statx is the system call of that name.
type statx func(fd int, path string, flags, mask int, st *unix.Statx_t) error

// identify asks the kernel which file this is. Where it has no such call as statx, or a filter of
// system calls knows none, it does without the time of birth.
func identify(file *os.File, ask statx) (logreader.ID, error) {
	var st unix.Statx_t
	err := ask(int(file.Fd()), "", unix.AT_EMPTY_PATH, unix.STATX_INO|unix.STATX_BTIME, &st)
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrPermission) {
		return identifyByStat(file)
	}
	if err != nil {
		return logreader.ID{}, fmt.Errorf("stat %q: %w", file.Name(), err)
	}
	id := logreader.ID{Device: unix.Mkdev(st.Dev_major, st.Dev_minor), Inode: st.Ino}
	if st.Mask&unix.STATX_BTIME != 0 {
		id.Born = uint64(time.Unix(st.Btime.Sec, int64(st.Btime.Nsec)).UnixNano())
	}
	return id, nil
}

// identifyByStat is identify without the time of birth.
func identifyByStat(file *os.File) (logreader.ID, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &st); err != nil {
		return logreader.ID{}, fmt.Errorf("stat %q: %w", file.Name(), err)
	}
	return logreader.ID{Device: uint64(st.Dev), Inode: st.Ino}, nil //nolint:unconvert // 32 bits wide on some machines
}

// locate opens the directory in which the file of a listing is.
func (d *Disk) locate(c logreader.Container, name string) (*logfile.Dir, string, error) {
	if path.IsAbs(name) {
		dir, file := path.Split(name)
		id := path.Base(dir)
		log, ok := parseDockerLog(path.Join(dir, id+"-json.log"))
		if _, _, known := log.number(file); !ok || !known {
			return nil, "", fmt.Errorf("open %q: no log of Docker's", name)
		}
		opened, err := log.open()
		return opened, file, err
	}
	rel, err := directory(c)
	if err != nil {
		return nil, "", err
	}
	root := d.live
	file, ok := strings.CutPrefix(name, inLive)
	if !ok {
		root = d.kept
		file = strings.TrimPrefix(name, inKept)
	}
	if root == nil {
		return nil, "", fmt.Errorf("open %q: %w", name, fs.ErrNotExist)
	}
	dir, err := root.Dir(rel)
	return dir, file, err
}

// handle is an open file. It stays that file whatever becomes of its name.
type handle struct{ *os.File }

// Size implements logreader.Handle.
func (h handle) Size() (int64, error) {
	info, err := h.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// quiet is how long a file must not have been written to, to be taken for settled where the
// kernel does not tell who writes.
const quiet = 2 * time.Second

// Settled implements logreader.Handle. It asks the kernel for a read lease, which it refuses
// while the file is open for writing anywhere, and gives it back at once.
func (h handle) Settled() (bool, error) {
	fd := h.Fd()
	_, err := unix.FcntlInt(fd, unix.F_SETLEASE, unix.F_RDLCK)
	switch {
	case errors.Is(err, unix.EAGAIN):
		return false, nil
	case err != nil: // no file system with leases, or no right to one
		info, err := h.Stat()
		if err != nil {
			return false, err
		}
		return time.Since(info.ModTime()) > quiet, nil
	}
	if _, err := unix.FcntlInt(fd, unix.F_SETLEASE, unix.F_UNLCK); err != nil {
		return false, fmt.Errorf("give back the lease of %q: %w", h.Name(), err)
	}
	return true, nil
}
