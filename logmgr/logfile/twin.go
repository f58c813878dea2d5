package logfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// A log's file may have a second name that is ours, in the same directory below
// another root, so that it outlives the first one: its twin. Everything else that has
// a second name stays refused.

// OpenTwin opens the directory name as a root of second names for the files below r. What
// lies in it is trusted to be a log's file: with one name below r and one there, a file
// has no other that could be harmed.
func (r *Root) OpenTwin(name string) (*Root, error) {
	t, err := OpenRoot(name)
	if err != nil {
		return nil, err
	}
	t.links, t.zone, t.Rest = maxLinks+1, r.zone, r.Rest
	r.twin.Store(t)
	return t, nil
}

// TrustSecondNames makes files with a second name safe wherever that is. It is for who
// only reads.
func (r *Root) TrustSecondNames() { r.links = maxLinks + 1 }

// hasTwin tells whether the file want in the directory is also in its twin.
func (d *Dir) hasTwin(name string, want ID) (has bool, err error) {
	if d.vouched == want {
		return true, nil
	}
	t, err := d.openTwin()
	if t == nil || err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	found, err := t.nameOf(name, want)
	if found != "" {
		d.vouched = want
	}
	return found != "", err
}

// openTwin opens the directory's twin; nil if there is none.
func (d *Dir) openTwin() (*Dir, error) {
	root := d.root.twin.Load()
	if root == nil {
		return nil, nil //nolint:nilnil // no twin is the usual case
	}
	t, err := root.Dir(d.rel)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrClosed) {
		return nil, nil //nolint:nilnil // as above
	}
	return t, err
}

// twinLooks is how often a name is looked for that may just be changing.
const twinLooks = 3

// nameOf returns the name that the file want has in the directory, which likely is
// name; empty: none. A file that is renamed meanwhile, as a twin is in the middle of a
// rotation, may pass by the one who lists: so it is looked for again.
func (d *Dir) nameOf(name string, want ID) (string, error) {
	if d.is(name, want) {
		return name, nil
	}
	for range twinLooks {
		all, err := d.names(func(string) (string, bool) { return "", true })
		if err != nil {
			return "", err
		}
		for _, one := range append(all[""], name) {
			if d.is(one, want) {
				return one, nil
			}
		}
	}
	return "", nil
}

// is tells whether name is the file want.
func (d *Dir) is(name string, want ID) bool {
	fd, err := d.dir.acquire()
	if err != nil {
		return false
	}
	defer d.dir.release()
	var st unix.Stat_t
	return lstat(fd, name, &st) == nil && idOf(&st) == want
}

// HardLink gives the file from, if it is the file want (else ErrChanged), the name to
// in another directory as well. It is no error if it has that name already; fs.ErrExist
// if another file has.
func (d *Dir) HardLink(from string, want ID, dir *Dir, to string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("link %q in %q to %q: %w", from, d.Path(), dir.Path()+"/"+to, err)
		}
	}()
	f, err := d.openID(from, want)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := checkName(to); err != nil {
		return err
	}
	fd, err := dir.dir.acquire()
	if err != nil {
		return err
	}
	defer dir.dir.release()
	// By descriptor, so that it is this file that is linked, whatever its name is by now.
	err = ignoringEINTR(func() error {
		return unix.Linkat(unix.AT_FDCWD, procFD(f), fd, to, unix.AT_SYMLINK_FOLLOW)
	})
	if errors.Is(err, fs.ErrExist) && dir.is(to, want) {
		return nil
	}
	return err
}

// linkTwin gives the file name a twin of the same name.
func (d *Dir) linkTwin(name string, id ID) (err error) {
	t, err := d.openTwin()
	if t == nil || err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	return d.HardLink(name, id, t, name)
}

// removeTwin takes away the second name of a file whose first is about to go: so what
// was removed on purpose and what somebody else has removed can be told apart.
func (d *Dir) removeTwin(name string, id ID) (err error) {
	t, err := d.openTwin()
	if t == nil || err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	second, err := t.nameOf(name, id)
	if second == "" {
		return err
	}
	if err := t.Remove(second, id); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// twinLinks is how many of a file's names are its twins.
func (d *Dir) twinLinks(name string, id ID) uint64 {
	if has, err := d.hasTwin(name, id); has && err == nil {
		return 1
	}
	return 0
}

// Files lists every regular file in the directory, whatever its name. Those that bear the
// name of a rotated file have its stamp and compression.
func (d *Dir) Files() ([]File, error) {
	all, err := d.names(func(string) (string, bool) { return "", true })
	if err != nil {
		return nil, err
	}
	var files []File
	for _, name := range all[""] {
		info, err := d.Stat(name)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrUnsafe) {
			continue
		}
		if err != nil {
			return nil, err
		}
		f := File{Name: name, Info: info}
		if r, ok := parseFileName(name); ok {
			f.Stamp, f.Compression = orderOf(r, info.ModTime, d.root.zone), r.Compression
		}
		files = append(files, f)
	}
	return files, nil
}

// RemoveDirs removes the directory rel and those above it up to the root, as far as
// they are empty.
func (r *Root) RemoveDirs(rel string) error {
	for ; rel != "."; rel = path.Dir(rel) {
		parent, err := r.resolve(path.Dir(rel), unix.O_PATH)
		if err != nil {
			return fmt.Errorf("remove directory %q in %q: %w", rel, r.path, err)
		}
		err = ignoringEINTR(func() error { return unix.Unlinkat(parent.fd, path.Base(rel), unix.AT_REMOVEDIR) })
		err = errors.Join(err, parent.close())
		switch {
		case errors.Is(err, unix.ENOTEMPTY), errors.Is(err, fs.ErrExist):
			return nil
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("remove directory %q in %q: %w", rel, r.path, err)
		}
	}
	return nil
}

// Dirs lists the directories in the directory rel ("." for the root itself), in order.
func (r *Root) Dirs(rel string) (names []string, err error) {
	d, err := r.resolve(rel, unix.O_RDONLY)
	if err != nil {
		return nil, fmt.Errorf("list directory %q in %q: %w", rel, r.path, err)
	}
	listing := os.NewFile(uintptr(d.fd), path.Join(r.path, rel))
	defer func() { err = errors.Join(err, listing.Close()) }()
	entries, err := listing.ReadDir(-1)
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, err
}
