package disk_test

import (
	"context"
	"io/fs"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/cri-logshim/cri-logshim/logreader"
	"github.com/cri-logshim/cri-logshim/logreader/disk"
)

// nameless is the disk as a server shows it: its files have names only, and what is read under a
// name is whatever bears it by then.
type nameless struct {
	logreader.Source
	n *node
}

func (s nameless) Files(ctx context.Context, c logreader.Container) (logreader.Listing, error) {
	l, err := s.Source.Files(ctx, c)
	for i := range l.Files {
		l.Files[i].ID = logreader.ID{}
	}
	return l, err
}

func (s nameless) Open(_ context.Context, c logreader.Container, f logreader.File) (logreader.Handle, error) {
	path := s.n.pods + "/" + dirOf(c) + "/" + strings.TrimPrefix(f.Name, "pods/")
	held, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := held.Stat()
	return &named{path: path, was: info, held: held}, err
}

// named opens its file anew for each read.
type named struct {
	path   string
	was    fs.FileInfo
	held   *os.File // so that no other file gets its inode
	offset int64
}

func (h *named) with(use func(f *os.File) (int, error)) (int, error) {
	f, err := os.Open(h.path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	is, err := f.Stat()
	if err != nil {
		return 0, err
	}
	if !os.SameFile(is, h.was) {
		return 0, fs.ErrNotExist
	}
	return use(f)
}

func (h *named) Read(p []byte) (int, error) {
	n, err := h.ReadAt(p, h.offset)
	if h.offset += int64(n); n > 0 {
		err = nil
	}
	return n, err
}

func (h *named) ReadAt(p []byte, at int64) (int, error) {
	return h.with(func(f *os.File) (int, error) { return f.ReadAt(p, at) })
}

func (h *named) Seek(offset int64, _ int) (int64, error) {
	h.offset = offset
	return offset, nil
}

func (h *named) Size() (int64, error) {
	size, err := h.with(func(f *os.File) (int, error) {
		info, err := f.Stat()
		return int(info.Size()), err
	})
	return int64(size), err
}

func (h *named) Settled() (bool, error) {
	settled := false
	_, err := h.with(func(f *os.File) (int, error) {
		var err error
		settled, err = disk.IsSettled(f)
		return 0, err
	})
	return settled, err
}

func (h *named) Close() error { return h.held.Close() }

// A source that opens files by names alone is followed as well, as long as nothing is removed.
func TestFollowNames(t *testing.T) {
	n := newNode(t)
	w := n.startWriter(web(), false)
	f := n.followIn(nameless{n.open(), n}, options(), web())
	w.write(10)
	f.expect(0, 10)
	var writing sync.WaitGroup
	defer writing.Wait()
	writing.Go(func() { flood(w) })
	f.expect(10, 10+flood(nil))
	writing.Wait()
	w.must(w.out.Close())
}
