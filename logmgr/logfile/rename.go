package logfile

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Rename gives the file from the name to, if from is the file want (else ErrChanged) and
// nothing is called to (else fs.ErrExist). It never overwrites. It is durable after Sync.
//
// If somebody puts another file in from's place in the very instant of the rename, that
// file is put back and ErrChanged returned.
func (d *Dir) Rename(from, to string, want ID) error {
	if err := d.rename(from, to, want); err != nil {
		return fmt.Errorf("rename %q to %q in %q: %w", from, to, d.Path(), err)
	}
	return nil
}

func (d *Dir) rename(from, to string, want ID) error {
	fd, err := d.dir.acquire()
	if err != nil {
		return err
	}
	defer d.dir.release()
	if err := checkName(to); err != nil {
		return err
	}
	if _, err := d.expect(fd, from, want); err != nil {
		return err
	}
	if err := renameNoReplace(fd, from, to); err != nil {
		return err
	}
	var st unix.Stat_t
	if err := lstat(fd, to, &st); err != nil {
		return fmt.Errorf("look at the renamed file: %w", err)
	}
	if idOf(&st) != want {
		return errors.Join(ErrChanged, renameNoReplace(fd, to, from))
	}
	return nil
}

// renameNoReplace renames without ever overwriting.
func renameNoReplace(dirFD int, from, to string) error {
	err := ignoringEINTR(func() error {
		return unix.Renameat2(dirFD, from, dirFD, to, unix.RENAME_NOREPLACE)
	})
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EOPNOTSUPP) {
		return linkAndUnlink(dirFD, from, to)
	}
	return err
}

// linkAndUnlink renames on a file system that does not know RENAME_NOREPLACE, such as
// NFS. A crash in between leaves both names on one file; Dir.Heal takes the older off.
func linkAndUnlink(dirFD int, from, to string) error {
	if err := ignoringEINTR(func() error { return unix.Linkat(dirFD, from, dirFD, to, 0) }); err != nil {
		return err
	}
	var a, b unix.Stat_t
	if err := errors.Join(lstat(dirFD, from, &a), lstat(dirFD, to, &b)); err != nil {
		return fmt.Errorf("look at the linked file: %w", err)
	}
	if idOf(&a) != idOf(&b) {
		return ErrChanged // and to may be the only name that the file still has
	}
	if err := ignoringEINTR(func() error { return unix.Unlinkat(dirFD, from, 0) }); err != nil {
		return errors.Join(err, unix.Unlinkat(dirFD, to, 0))
	}
	return nil
}
