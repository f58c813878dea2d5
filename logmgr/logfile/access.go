package logfile

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"
)

// Access is who besides its owner may read a log's file.
type Access struct {
	Group int         // its number; negative: as it is
	Mode  fs.FileMode // permission bits; 0: as they are
}

// SetAccess gives the file name its group and mode, if it is the file want (else
// ErrChanged). The owner stays, and with it the trust in the file. A file that is
// not safe to touch stays as it is, and the error wraps ErrUnsafe.
func (d *Dir) SetAccess(name string, want ID, a Access) (err error) {
	f, err := d.openID(name, want)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return d.failed("stat", name, err)
	}
	// The group first: the new mode is not meant for the old one.
	if a.Group >= 0 && st.Gid != uint32(a.Group) {
		if err := f.Chown(-1, a.Group); err != nil {
			return d.failed("change the group of", name, err)
		}
	}
	if mode := a.Mode & fs.ModePerm; mode != 0 && fs.FileMode(st.Mode)&fs.ModePerm != mode {
		if err := f.Chmod(mode); err != nil {
			return d.failed("change the mode of", name, err)
		}
	}
	return nil
}
