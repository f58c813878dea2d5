package bypass

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Clear takes away all that was made for these endpoints, when cri-logshim goes for good and
// nobody has the link as an endpoint any more: the link and its spare, the files beside the
// shim's socket and that socket, and folders that are empty by then. What is no link in the
// link's place stays, and so does a socket that somebody serves.
func (e Endpoints) Clear(ctx context.Context) error {
	dir := filepath.Dir(e.Shim)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := e.alone(ctx, func() error { return e.clear(ctx) }); err != nil {
		return err
	}
	for inner := filepath.Dir(e.Link); strings.HasPrefix(inner, dir+"/"); inner = filepath.Dir(inner) {
		if err := removeEmpty(inner); err != nil {
			return err
		}
	}
	return removeEmpty(dir)
}

func (e Endpoints) clear(ctx context.Context) error {
	dir := filepath.Dir(e.Shim)
	paths := []string{e.spare(), e.stateFile(), filepath.Join(dir, lastName)}
	if replaceable(e.Link) == nil {
		paths = append(paths, e.Link)
	}
	if info, err := os.Lstat(e.Shim); err == nil && info.Mode().Type() == fs.ModeSocket && !served(ctx, e.Shim) {
		paths = append(paths, e.Shim)
	}
	var errs []error
	for _, path := range paths {
		errs = append(errs, remove(path))
	}
	return errors.Join(errs...)
}

// removeEmpty removes a folder if nobody else has put anything there.
func removeEmpty(folder string) error {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) > 0 {
		return nil
	}
	if err != nil {
		return err
	}
	return remove(folder)
}
