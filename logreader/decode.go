package logreader

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

const (
	aheadBuffers = 6         // that a file is decompressed ahead of its reader
	aheadBuffer  = 128 << 10 // bytes of each
	storedBuffer = 128 << 10 // compressed bytes read at a time

	// zstdWindow bounds the memory of a zstd stream, in bytes: a file that wants more is
	// refused. Those of cri-logshim want 512 KiB.
	zstdWindow = 32 << 20
)

// decoder decompresses what r holds. An empty file is a damaged one, not an empty log.
func decoder(r io.Reader, c Compression) (io.ReadCloser, error) {
	buffered := bufio.NewReaderSize(r, storedBuffer)
	if _, err := buffered.Peek(1); errors.Is(err, io.EOF) {
		return nil, io.ErrUnexpectedEOF
	}
	switch c {
	case Gzip:
		return gzip.NewReader(buffered)
	case Zstd:
		z, err := zstd.NewReader(buffered, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(zstdWindow))
		if err != nil {
			return nil, err
		}
		return z.IOReadCloser(), nil
	default:
		return nil, fmt.Errorf("compression %q: %w", c, errors.ErrUnsupported)
	}
}

// ahead is the text of a compressed file, which a goroutine decompresses while what came before
// is being read.
type ahead struct {
	stop   context.CancelFunc
	full   chan []byte
	empty  chan []byte
	done   chan struct{}
	err    error  // of the goroutine; to be read when full is closed
	unread []byte // of the buffer that was taken last
	taken  []byte
}

// newAhead begins to decompress r, which must not be used by anybody else until close.
func newAhead(ctx context.Context, r io.Reader, c Compression) *ahead {
	ctx, stop := context.WithCancel(ctx)
	a := &ahead{stop: stop, full: make(chan []byte, aheadBuffers), empty: make(chan []byte, aheadBuffers), done: make(chan struct{})}
	for range aheadBuffers {
		a.empty <- nil // made when it is needed
	}
	go a.run(ctx, r, c)
	return a
}

func (a *ahead) run(ctx context.Context, r io.Reader, c Compression) {
	defer close(a.done)
	defer close(a.full)
	z, err := decoder(r, c)
	if err != nil {
		a.err = err
		return
	}
	defer z.Close() //nolint:errcheck // it tells nothing that reading has not told
	for a.err == nil {
		var buffer []byte
		select {
		case <-ctx.Done():
			a.err = ctx.Err()
			return
		case buffer = <-a.empty:
		}
		if buffer == nil {
			buffer = make([]byte, aheadBuffer)
		}
		var n int
		n, a.err = fill(z, buffer[:aheadBuffer])
		if n > 0 {
			a.full <- buffer[:n] // there is room for every buffer
		}
	}
}

// fill reads until p is full or there is an error, which is io.EOF at the end.
func fill(r io.Reader, p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var read int
		read, err = r.Read(p[n:])
		n += read
	}
	return n, err
}

// Read gives the text; after it, io.EOF or why the file is damaged.
func (a *ahead) Read(p []byte) (int, error) {
	if len(a.unread) == 0 {
		if a.taken != nil {
			a.empty <- a.taken // there is room for every buffer
			a.taken = nil
		}
		buffer, ok := <-a.full
		if !ok {
			return 0, a.err
		}
		a.taken, a.unread = buffer[:cap(buffer)], buffer
	}
	n := copy(p, a.unread)
	a.unread = a.unread[n:]
	return n, nil
}

// close ends the goroutine and waits for it.
func (a *ahead) close() {
	a.stop()
	<-a.done
}
