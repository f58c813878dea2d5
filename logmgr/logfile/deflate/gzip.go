// Package deflate compresses container logs into gzip files (RFC 1952, with the deflate
// format of RFC 1951 inside) that any reader of gzip reads. It knows nothing of files, and
// leaves reading to others.
//
// It is here because logs are not what compressors are made for: a line is mostly made of
// pieces of earlier ones, so matches are long and literals few. Hence a search that
// has no chains, remembers few places within a match, loads before it checks, and compares
// only what can succeed; docs/architecture.md has what each of these is worth.
package deflate

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
)

const (
	window = 32 << 10 // the farthest distance of a match, RFC 1951 section 2
	// chunk is how many bytes are gathered before they are compressed: a block at most. It
	// is a multiple of 64 KiB, so that places told in 16 bits stay right when text slides.
	chunk = 128 << 10
	// before is room in front of a chunk. Only a window of it is ever pointed at, but any
	// place that 16 bits can tell must be one that can be read.
	before   = 64 << 10
	overhead = 256 // bytes that a block may take beyond what is in it, with a gzip header
)

// Writer compresses a stream. It takes 0.5 MB of memory, and all work is done
// by the calling goroutine.
type Writer struct {
	w      io.Writer
	err    error // of w, or that the stream is closed; no more is written then
	sum    uint32
	size   uint32 // modulo 1<<32, as RFC 1952 wants it
	oldest int    // in text: what may be pointed at begins here
	end    int    // in text: what is to be compressed is from before to end

	text    [before + chunk + 8]byte // with room for the last load of 8 bytes
	out     [chunk + overhead]byte
	bits    bitBuffer
	matcher matcher
	codes   blockCodes
}

// NewWriter returns a Writer that writes a gzip stream to w.
func NewWriter(w io.Writer) *Writer {
	z := new(Writer)
	z.Reset(w)
	return z
}

// Reset forgets the stream so far and begins another one, written to w. What a Writer
// writes does not depend on earlier streams.
func (z *Writer) Reset(w io.Writer) {
	z.w, z.err, z.sum, z.size = w, nil, 0, 0
	z.oldest, z.end = before, before
	z.matcher.reset()
	// Magic, deflate, no flags, no time; 255: from an unknown system.
	header := [10]byte{0: 0x1f, 1: 0x8b, 2: 8, 9: 255}
	z.bits = bitBuffer{at: copy(z.out[:], header[:])}
}

// Write compresses p, or keeps it until there is more. Errors are those of the
// underlying writer, and fs.ErrClosed.
func (z *Writer) Write(p []byte) (int, error) {
	written := 0
	for z.err == nil && written < len(p) {
		if z.end == before+chunk {
			z.compress(false)
			z.slide()
		}
		n := copy(z.text[z.end:before+chunk], p[written:])
		z.sum = crc32.Update(z.sum, crc32.IEEETable, p[written:written+n]) // while it is in the CPU's cache
		z.end += n
		written += n
	}
	z.size += uint32(written)
	return written, z.err
}

// Close writes what is left and ends the stream. It does not close the underlying writer.
// Another Close does nothing.
func (z *Writer) Close() error {
	if z.err != nil {
		if z.w == nil {
			return nil
		}
		return z.err
	}
	z.compress(true)
	z.bits = z.bits.align(z.out[:])
	at := z.bits.at
	binary.LittleEndian.PutUint32(z.out[at:], z.sum)
	binary.LittleEndian.PutUint32(z.out[at+4:], z.size)
	z.bits.at += 8
	z.flush()
	if z.err != nil {
		return z.err
	}
	z.w, z.err = nil, fmt.Errorf("write to a gzip stream: %w", fs.ErrClosed)
	return nil
}

// compress writes all that is in text, the last of the stream or not.
func (z *Writer) compress(last bool) {
	for from := before; z.err == nil; {
		next := z.matcher.find(z.text[:], z.oldest, from, z.end)
		z.block(z.text[from:next], last && next == z.end)
		if from = next; from == z.end {
			return
		}
	}
}

// slide makes room for a chunk and keeps a window before it.
func (z *Writer) slide() {
	copy(z.text[before-window:before], z.text[before+chunk-window:before+chunk])
	z.oldest, z.end = before-window, before
}

// flush writes the full bytes of out.
func (z *Writer) flush() {
	if z.err == nil {
		_, z.err = z.w.Write(z.out[:z.bits.at])
	}
	z.bits.at = 0
}
