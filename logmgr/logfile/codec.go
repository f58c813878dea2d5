package logfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// zstdWindow bounds the memory of a zstd stream in bytes, both ways: an encoder of ours
// stays within it, a foreign file that wants more is refused.
const zstdWindow = 8 << 20

// newEncoder compresses into w. Close finishes the stream and does not close w.
func (c Compression) newEncoder(w io.Writer) (io.WriteCloser, error) {
	switch c {
	case Gzip:
		return gzip.NewWriterLevel(w, gzip.DefaultCompression)
	case Zstd:
		// One at a time, on our goroutine: compression must not take the node's cores.
		return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(zstdWindow/2), zstd.WithZeroFrames(true))
	case Plain:
	}
	return nil, fmt.Errorf("compression %q: %w", c, errors.ErrUnsupported)
}

// newDecoder reads r decompressed. An empty file is a cut one, not an empty log. Closing
// the decoder does not close r, and tells nothing that reading has not told.
func (c Compression) newDecoder(r io.Reader) (io.ReadCloser, error) {
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
