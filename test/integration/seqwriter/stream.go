package main

import (
	"fmt"
	"io"
	"strconv"
)

// stream is one of the outputs with its own count.
type stream struct {
	name    string
	out     io.Writer
	length  int
	padding []byte // paddings are cut out of it
	left    uint64 // lines that may still be written; 0 from the start: no limit
	written uint64
	ended   bool
	buffer  []byte
}

// writeChunk writes as many whole lines as fit into size bytes, at least one, in one
// write, and returns their bytes. It returns 0 after the last line.
func (s *stream) writeChunk(size int) (int, error) {
	s.buffer = s.buffer[:0]
	for !s.ended && (len(s.buffer) == 0 || len(s.buffer)+s.length <= size) {
		s.written++
		s.buffer = s.appendLine(s.buffer)
		s.ended = s.written == s.left
	}
	if len(s.buffer) == 0 {
		return 0, nil
	}
	n, err := s.out.Write(s.buffer)
	if err != nil {
		return n, fmt.Errorf("write line %d to %s: %w", s.written, s.name, err)
	}
	return n, nil
}

// appendLine adds the line of the current number.
func (s *stream) appendLine(b []byte) []byte {
	start := len(b)
	b = append(b, s.name...)
	b = append(b, ' ')
	b = strconv.AppendUint(b, s.written, 10)
	b = append(b, ' ')
	if missing := s.length - 1 - (len(b) - start); missing > 0 {
		from := int(s.written * 31 % uint64(len(s.padding)-missing))
		b = append(b, s.padding[from:from+missing]...)
	}
	return append(b, '\n')
}

// newPadding is text to cut paddings from. They differ from line to line, so that a
// compressor has something to do.
func newPadding(longest int) []byte {
	const letters = "abcdefghijklmnopqrstuvwxyz"
	padding := make([]byte, 1<<16+longest)
	state := uint64(1)
	for i := range padding {
		state = state*6364136223846793005 + 1442695040888963407
		padding[i] = letters[state>>40%uint64(len(letters))]
	}
	return padding
}

// finish writes the last line, which tells how many came before it.
func (s *stream) finish() error {
	if _, err := fmt.Fprintf(s.out, "%s done %d\n", s.name, s.written); err != nil {
		return fmt.Errorf("write the last line to %s: %w", s.name, err)
	}
	return nil
}
