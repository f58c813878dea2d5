package runtimetest

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
)

// openLog opens all files of a log, the oldest first: those at its path or, where that is
// a link, those where it leads.
func openLog(podLogsDir, log string) (io.ReadCloser, error) {
	info, err := os.Lstat(log)
	if err == nil && info.Mode()&fs.ModeSymlink != 0 {
		return openDocker(log)
	}
	rel, err := filepath.Rel(podLogsDir, log)
	if err != nil {
		return nil, err
	}
	root, err := logfile.OpenRoot(podLogsDir)
	if err != nil {
		return nil, err
	}
	root.TrustSecondNames()
	dir, err := root.Dir(path.Dir(rel))
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	content, err := dir.Reader(path.Base(rel))
	if err := errors.Join(err, dir.Close(), root.Close()); err != nil {
		return nil, err
	}
	return content, nil
}

// files are read one after the other.
type files struct {
	io.Reader
	closers []io.Closer
}

func (f *files) Close() error {
	var errs []error
	for _, c := range f.closers {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// openDocker opens the files of Docker's json-file driver, of which link leads to the
// current one. Docker numbers those that it has rotated, from the newest on. It must
// not rotate meanwhile.
func openDocker(link string) (*files, error) {
	current, err := filepath.EvalSymlinks(link)
	if err != nil {
		return nil, err
	}
	f := &files{}
	content, err := f.open(current, false)
	all := []io.Reader{content}
	for number := 1; err == nil; number++ {
		name := fmt.Sprintf("%s.%d", current, number)
		if content, err = f.open(name, false); errors.Is(err, fs.ErrNotExist) {
			content, err = f.open(name+".gz", true)
		}
		all = append([]io.Reader{content}, all...)
	}
	if !errors.Is(err, fs.ErrNotExist) || len(f.closers) == 0 {
		return nil, errors.Join(err, f.Close())
	}
	f.Reader = io.MultiReader(all[1:]...)
	return f, nil
}

func (f *files) open(name string, packed bool) (io.Reader, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	f.closers = append(f.closers, file)
	if packed {
		return gzip.NewReader(file)
	}
	return file, nil
}
