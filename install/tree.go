package install

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	securejoin "github.com/cyphar/filepath-securejoin"
	"golang.org/x/sys/unix"
)

// newSuffix ends the name of a file that is about to take another's place. No program that
// reads whole folders of settings (systemd, kubelet) takes such a name.
const newSuffix = ".cri-logshim-new"

// File is a file's content and what else is kept of it.
type File struct {
	Text []byte
	Mode fs.FileMode // permission bits
	UID  int
	GID  int
}

// sum tells files apart by their content; empty: of no file.
func (f *File) sum() string {
	if f == nil {
		return ""
	}
	sum := sha256.Sum256(f.Text)
	return hex.EncodeToString(sum[:])
}

// with is a file with another content.
func (f *File) with(text []byte) *File {
	if f == nil {
		return &File{Text: text, Mode: 0o644}
	}
	changed := *f
	changed.Text = text
	return &changed
}

// Tree is a node's files, below a folder that stands for its root. Links lead to where they
// lead on the node, never out of the folder.
type Tree struct {
	root string
	// step is called before each step that changes something; an error keeps it from being
	// taken.
	step func(what, path string) error
}

// NewTree returns the files below a folder; "/" is this machine itself.
func NewTree(root string) *Tree {
	return &Tree{root: root, step: func(string, string) error { return nil }}
}

// real is where a file lies, all links followed.
func (t *Tree) real(path string) (string, error) {
	place, err := securejoin.SecureJoin(t.root, path)
	if err != nil {
		return "", fmt.Errorf("find %q: %w", path, err)
	}
	return place, nil
}

// same says whether two paths are of one file, by links as that of /var/run.
func (t *Tree) same(a, b string) (bool, error) {
	if a == b {
		return true, nil
	}
	placeA, err := t.real(a)
	if err != nil {
		return false, err
	}
	placeB, err := t.real(b)
	return placeA == placeB, err
}

// Read returns a file; nil: there is none.
func (t *Tree) Read(path string) (*File, error) {
	place, err := t.real(path)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(place)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, nil //nolint:nilnil // Absence is an answer here.
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() && path != os.DevNull {
		return nil, fmt.Errorf("read %q: it is no regular file", path)
	}
	text, err := os.ReadFile(place)
	if err != nil {
		return nil, err
	}
	f := &File{Text: text, Mode: info.Mode().Perm()}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		f.UID, f.GID = int(stat.Uid), int(stat.Gid)
	}
	return f, nil
}

// list returns the names in a folder, in order; none if there is no folder.
func (t *Tree) list(path string) ([]string, error) {
	place, err := t.real(path)
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(place)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, nil
	}
	names := make([]string, len(entries))
	for i, entry := range entries {
		names[i] = entry.Name()
	}
	return names, err
}

// prepare lays a file's new content beside it, durable, for commit to put in its place.
func (t *Tree) prepare(path string, f *File) (err error) {
	place, err := t.real(path)
	if err == nil {
		err = t.step("prepare", path)
	}
	if err != nil {
		return err
	}
	// One that a run has left behind may be anybody's by now.
	if _, err := removeThere(place + newSuffix); err != nil {
		return err
	}
	file, err := os.OpenFile(place+newSuffix, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := file.Write(f.Text); err != nil {
		return err
	}
	if err := file.Chown(f.UID, f.GID); err != nil {
		return err
	}
	if err := file.Chmod(f.Mode); err != nil {
		return err
	}
	return file.Sync()
}

// commit puts what prepare has laid beside a file in its place.
func (t *Tree) commit(path string) error {
	place, err := t.real(path)
	if err == nil {
		err = t.step("commit", path)
	}
	if err != nil {
		return err
	}
	if err := os.Rename(place+newSuffix, place); err != nil {
		return err
	}
	return syncDir(filepath.Dir(place))
}

// discard takes away what prepare has laid beside a file, if it is there.
func (t *Tree) discard(path string) error {
	place, err := t.real(path)
	if err == nil {
		err = t.step("discard", path)
	}
	if err != nil {
		return err
	}
	_, err = removeThere(place + newSuffix)
	return err
}

// write replaces a file in one step; nil: it goes.
func (t *Tree) write(path string, f *File) error {
	if f == nil {
		return t.remove(path)
	}
	if err := t.prepare(path, f); err != nil {
		return errors.Join(err, t.discard(path))
	}
	return t.commit(path)
}

// remove removes a file, or a folder that is empty. It is content if there is none.
func (t *Tree) remove(path string) error {
	place, err := t.real(path)
	if err == nil {
		err = t.step("remove", path)
	}
	if err != nil {
		return err
	}
	removed, err := removeThere(place)
	if err != nil || !removed {
		return err
	}
	return syncDir(filepath.Dir(place))
}

// removeThere removes what is at a place, and says whether there was anything. It looks first:
// on a read-only file system removing fails whether or not there is anything to remove.
func removeThere(place string) (removed bool, err error) {
	if _, err := os.Lstat(place); errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return false, nil
	}
	if err := os.Remove(place); err != nil {
		return false, ignore(fs.ErrNotExist, err)
	}
	return true, nil
}

// missing returns the folders that have to be made for a file to be there, outermost first.
func (t *Tree) missing(path string) ([]string, error) {
	var folders []string
	for folder := filepath.Dir(path); folder != "/" && folder != "."; folder = filepath.Dir(folder) {
		place, err := t.real(folder)
		if err != nil {
			return nil, err
		}
		if _, err := os.Stat(place); err == nil {
			break
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		folders = append([]string{folder}, folders...)
	}
	return folders, nil
}

// makeFolder makes a folder, with its mode whatever the operator's umask is. It is content with
// one that is there, as it is.
func (t *Tree) makeFolder(path string, mode fs.FileMode) error {
	place, err := t.real(path)
	if err == nil {
		err = t.step("make folder", path)
	}
	if err != nil {
		return err
	}
	if err := os.Mkdir(place, mode); err != nil {
		return ignore(fs.ErrExist, err)
	}
	if err := os.Chmod(place, mode); err != nil {
		return err
	}
	return syncDir(filepath.Dir(place))
}

func ignore(harmless, err error) error {
	if errors.Is(err, harmless) {
		return nil
	}
	return err
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
