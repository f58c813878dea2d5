package nodelogs

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/cri-logshim/cri-logshim/logreader"
)

// headBytes tell a current file from the one that took its name: records begin with the time in
// nanoseconds.
const headBytes = 512

// handle is a file that is known by its name. A current file loses its name with a rotation, so
// what is read of it counts only if the file of that name still begins as it did once it was opened.
type handle struct {
	ctx     context.Context //nolint:containedctx // io.Reader has none, and a handle is good until this one ends
	server  *Server
	path    []string
	current bool
	head    []byte
	offset  int64
	stream  *Part
	broken  int // how many answers have broken off
	// rotated tells the files of the attempt that were rotated, by their keys. An empty file has no
	// beginning to be known by, so it is the same as long as none of these has come: before holds those
	// that there were before the file was opened.
	rotated func() (map[string]bool, error)
	before  map[string]bool
}

// readHead reads what the file begins with.
func (h *handle) readHead() (_ []byte, err error) {
	part, err := h.server.Open(h.ctx, 0, headBytes, h.path...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, part.Close()) }()
	return io.ReadAll(part)
}

// verify makes sure that the name still stands for this file. It is asked after the content was
// opened: a name never goes back to a file that has lost it.
func (h *handle) verify() error {
	if !h.current {
		return nil
	}
	now, err := h.readHead()
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(now, h.head) {
		return errOther
	}
	if len(h.head) == 0 && len(now) > 0 {
		if err := h.verifyEmpty(); err != nil {
			return err
		}
	}
	h.head = now
	return nil
}

// errOther tells that what was opened has lost its name.
var errOther = fmt.Errorf("%w: another file bears its name", fs.ErrNotExist)

// verifyEmpty makes sure that a file that was empty so far was not rotated since.
func (h *handle) verifyEmpty() error {
	now, err := h.rotated()
	if err != nil {
		return err
	}
	for key := range now {
		if !h.before[key] {
			return errOther
		}
	}
	return nil
}

// open opens a part of the file that is known to be of this one.
func (h *handle) open(offset, length int64) (*Part, error) {
	part, err := h.server.Open(h.ctx, offset, length, h.path...)
	if err != nil {
		return nil, err
	}
	if err := h.verify(); err != nil {
		return nil, errors.Join(err, part.Close())
	}
	return part, nil
}

// Read implements logreader.Handle.
func (h *handle) Read(p []byte) (int, error) {
	if h.stream == nil {
		part, err := h.open(h.offset, -1)
		if err != nil {
			return 0, err
		}
		h.stream = part
	}
	n, err := h.stream.Read(p)
	h.offset += int64(n)
	if err == nil {
		return n, nil
	}
	switch failed := h.drop(); {
	case n > 0 && failed == nil: // what comes next is asked for with the next call
		return n, nil
	case errors.Is(err, io.EOF):
		return n, cmp.Or(failed, io.EOF)
	case passes(h.ctx, err) && h.broken < attempts:
		h.broken++
		return n, nil // io.Reader allows it
	default:
		return n, errors.Join(err, failed)
	}
}

// drop ends the present answer.
func (h *handle) drop() error {
	if h.stream == nil {
		return nil
	}
	err := h.stream.Close()
	h.stream = nil
	return err
}

// ReadAt implements logreader.Handle.
func (h *handle) ReadAt(p []byte, offset int64) (n int, err error) {
	part, err := h.open(offset, int64(len(p)))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, part.Close()) }()
	n, err = io.ReadFull(part, p)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	return n, err
}

// Seek implements logreader.Handle.
func (h *handle) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += h.offset
	case io.SeekEnd:
		size, err := h.Size()
		if err != nil {
			return h.offset, err
		}
		offset += size
	}
	if offset < 0 {
		return h.offset, fmt.Errorf("seek to byte %d: %w", offset, fs.ErrInvalid)
	}
	h.offset = offset
	return offset, h.drop()
}

// Size implements logreader.Handle.
func (h *handle) Size() (int64, error) {
	info, err := h.server.Stat(h.ctx, h.path...)
	return info.Size, err
}

// Settled implements logreader.Handle. Who writes cannot be seen from afar, so it goes by the time of the
// last write. The pause bounds how often it is asked.
func (h *handle) Settled() (bool, error) {
	info, err := h.server.Stat(h.ctx, h.path...)
	if err != nil {
		return false, err
	}
	if info.isSettled() {
		return true, nil
	}
	return false, logreader.Pause(h.ctx, pace/2)
}

// Close implements logreader.Handle.
func (h *handle) Close() error { return h.drop() }
