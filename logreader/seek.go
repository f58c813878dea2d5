package logreader

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/cri-logshim/cri-logshim/logmgr/logline"
)

// seekBlock is how much is read at a place to find a record there, in bytes, and how close to
// its aim a search comes.
const seekBlock = 32 << 10

// offsetSince is where in a file to begin so that no line of the wanted time is missed.
func (h *history) offsetSince(ctx context.Context, f File) (_ int64, err error) {
	if h.o.Since.IsZero() || f.Compression != Plain {
		return 0, nil
	}
	handle, err := h.src.Open(ctx, h.c, f)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, handle.Close()) }()
	high, err := handle.Size()
	if err != nil {
		return 0, err
	}
	since := h.o.Since.Add(-margin)
	block := make([]byte, seekBlock)
	low := int64(0)
	for high-low > seekBlock {
		middle := low + (high-low)/2
		rec, at, err := recordAt(handle, middle, block)
		switch {
		case err != nil:
			return 0, err
		case at < 0 || !rec.Time.Before(since):
			high = middle // where nothing can be told it is safe to begin earlier
		default:
			low = at
		}
	}
	return low, nil
}

// recordAt is the first whole record that begins in the block behind a place, and where; -1:
// none does.
func recordAt(r io.ReaderAt, place int64, block []byte) (logline.Record, int64, error) {
	n, err := r.ReadAt(block, place)
	if err != nil && !errors.Is(err, io.EOF) {
		return logline.Record{}, -1, err
	}
	rest := block[:n]
	for {
		_, behind, found := bytes.Cut(rest, []byte{'\n'})
		if !found {
			return logline.Record{}, -1, nil
		}
		rest = behind
		text, _, whole := bytes.Cut(rest, []byte{'\n'})
		if rec := logline.ParseRecord(text); whole && rec.Err == nil {
			return rec, place + int64(n-len(rest)), nil
		}
	}
}
