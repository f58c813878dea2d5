package logfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile/deflate"
)

// zstdWindow bounds the memory of a zstd stream in bytes, both ways: an encoder of ours
// stays within it, a foreign file that wants more is refused.
const zstdWindow = 8 << 20

// zstdOwnWindow is the window in bytes of what is written here. Both larger and smaller
// ones made the container logs of the benchmark larger, and larger ones took more time.
// Neither do slower levels than the fastest make them smaller. The benchmark has a part on
// compression.
const zstdOwnWindow = 512 << 10

// Encoder compresses a stream. Close finishes it and does not close what it is written
// to; Reset then begins another one. The calling goroutine does all the work, so that
// compression does not take the node's cores.
type Encoder interface {
	io.WriteCloser
	Reset(w io.Writer)
}

// NewEncoder makes an encoder of c into w. It takes some 0.5 MB of memory for gzip
// and some 2 MB for zstd.
func NewEncoder(w io.Writer, c Compression) (Encoder, error) {
	switch c {
	case Gzip:
		return deflate.NewWriter(w), nil
	case Zstd:
		return zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
			zstd.WithWindowSize(zstdOwnWindow), zstd.WithLowerEncoderMem(true), zstd.WithZeroFrames(true))
	case Plain:
	}
	return nil, fmt.Errorf("compression %q: %w", c, errors.ErrUnsupported)
}

// encoders keeps encoders for the next file. The garbage collector takes those that
// wait for long.
type encoders struct{ gzip, zstd sync.Pool }

func (e *encoders) pool(c Compression) *sync.Pool {
	if c == Zstd {
		return &e.zstd
	}
	return &e.gzip
}

// get returns an encoder of c into w.
func (e *encoders) get(c Compression, w io.Writer) (Encoder, error) {
	if kept, ok := e.pool(c).Get().(Encoder); ok {
		kept.Reset(w)
		return kept, nil
	}
	return NewEncoder(w, c)
}

// put keeps an encoder whose stream is finished or given up.
func (e *encoders) put(c Compression, used Encoder) {
	used.Reset(nil) // lets go of the last file
	e.pool(c).Put(used)
}

// newDecoder reads r decompressed. An empty file is a cut one, not an empty log. Closing
// the decoder does not close r, and tells nothing that reading has not told.
func newDecoder(r io.Reader, c Compression) (io.ReadCloser, error) {
	switch c {
	case Plain:
		return io.NopCloser(r), nil
	case Gzip:
		z, err := gzip.NewReader(r)
		switch {
		case errors.Is(err, io.EOF):
			return nil, io.ErrUnexpectedEOF
		case err != nil:
			return nil, err
		}
		return z, nil
	case Zstd:
		b := bufio.NewReader(r)
		if _, err := b.Peek(1); errors.Is(err, io.EOF) {
			return nil, io.ErrUnexpectedEOF
		}
		z, err := zstd.NewReader(b, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(zstdWindow))
		if err != nil {
			return nil, err
		}
		return z.IOReadCloser(), nil
	}
	return nil, fmt.Errorf("compression %q: %w", c, errors.ErrUnsupported)
}
