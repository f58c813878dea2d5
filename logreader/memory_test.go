package logreader_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/logreader"
)

// memory is a source of files that are not on a disk. It counts what is read of them.
type memory struct {
	files []memoryFile
	read  atomic.Int64 // bytes
	opens atomic.Int64
}

type memoryFile struct {
	logreader.File
	content io.ReaderAt
	refusal error // of whoever opens it
}

func (m *memory) add(f logreader.File, content io.ReaderAt, size int64) {
	f.Name = fmt.Sprint("file ", len(m.files))
	if !f.Rotated.IsZero() {
		f.Key = f.Name
	}
	f.Size, f.ID = size, logreader.ID{Inode: uint64(len(m.files) + 1)}
	m.files = append(m.files, memoryFile{File: f, content: content})
}

func (*memory) Pods(context.Context) ([]logreader.Pod, error) { return nil, nil }

func (*memory) Containers(context.Context, logreader.Pod) ([]string, error) { return nil, nil }

func (m *memory) Files(context.Context, logreader.Container) (logreader.Listing, error) {
	var l logreader.Listing
	for _, f := range m.files {
		l.Files = append(l.Files, f.File)
	}
	return l, nil
}

func (m *memory) Open(_ context.Context, _ logreader.Container, f logreader.File) (logreader.Handle, error) {
	m.opens.Add(1)
	for _, one := range m.files {
		if one.ID == f.ID && one.refusal != nil {
			return nil, one.refusal
		}
		if one.ID == f.ID {
			return &memoryHandle{SectionReader: io.NewSectionReader(one.content, 0, one.Size), of: m}, nil
		}
	}
	return nil, fs.ErrNotExist
}

func (*memory) Watch(context.Context, logreader.Container) (logreader.Bell, error) {
	return nil, errors.New("nothing will come")
}

type memoryHandle struct {
	*io.SectionReader
	of *memory
}

func (h *memoryHandle) Read(p []byte) (int, error) {
	n, err := h.SectionReader.Read(p)
	h.of.read.Add(int64(n))
	return n, err
}

func (h *memoryHandle) ReadAt(p []byte, at int64) (int, error) {
	n, err := h.SectionReader.ReadAt(p, at)
	h.of.read.Add(int64(n))
	return n, err
}

func (h *memoryHandle) Size() (int64, error) { return h.SectionReader.Size(), nil }

func (*memoryHandle) Settled() (bool, error) { return true, nil }

func (*memoryHandle) Close() error { return nil }

// gzipped compresses text.
func gzipped(t *testing.T, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// endless is a huge file of which every line looks the same but for its number.
type endless struct {
	began time.Time
	size  int64
}

const endlessLine = 128 // bytes, one for each millisecond

func (e endless) ReadAt(p []byte, at int64) (int, error) {
	n := 0
	for n < len(p) && at < e.size {
		line := e.line(at / endlessLine)
		copied := copy(p[n:], line[at%endlessLine:])
		n, at = n+copied, at+int64(copied)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (e endless) line(number int64) string {
	head := fmt.Sprintf("%s stdout F %d ", e.began.Add(time.Duration(number)*time.Millisecond).UTC().Format("2006-01-02T15:04:05.000000000Z"), number)
	return head + string(bytes.Repeat([]byte{'.'}, endlessLine-1-len(head))) + "\n"
}
