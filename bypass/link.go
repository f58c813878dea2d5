package bypass

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

const directoryMode = 0o700

// point leads the link to the shim or the runtime, in one step:
//
//	symlinkat(target, link.new)
//	renameat(link.new, link)
//
// Where the file system has no room for another link, as a /run without inodes, a spare one
// to the runtime is renamed, which needs none.
func (e Endpoints) point(to Way) error {
	target := e.target(to)
	if err := replaceable(e.Link); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(e.Link), directoryMode); err != nil {
		return err
	}
	next := e.Link + ".new"
	err := makeLink(target, next)
	if errors.Is(err, unix.ENOSPC) && e.hasSpare(target) {
		next, err = e.spare(), nil
	}
	if err != nil {
		return fmt.Errorf("lead %q to %q: %w", e.Link, target, err)
	}
	return os.Rename(next, e.Link)
}

// makeLink makes a link, in place of what an earlier attempt has left.
func makeLink(target, path string) error {
	if err := remove(path); err != nil {
		return err
	}
	return os.Symlink(target, path)
}

// replaceable is an error if there is anything but a symbolic link at a path: a socket that
// may be served, or a file that somebody wants to keep.
func replaceable(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	switch kind := info.Mode().Type(); {
	case kind == fs.ModeSymlink:
		return nil
	case kind == fs.ModeSocket:
		return fmt.Errorf("there is a socket at %q, and no link: it may be served, so it stays; remove it if it is not, or set another kubeletEndpoint", path)
	}
	return fmt.Errorf("there is something else at %q, and no link, so it stays (%s); remove it, or set another kubeletEndpoint", path, info.Mode())
}

func (e Endpoints) spare() string { return e.Link + ".runtime" }

func (e Endpoints) hasSpare(target string) bool {
	got, err := os.Readlink(e.spare())
	return err == nil && got == target
}

// remove removes a file that may not be there.
func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
