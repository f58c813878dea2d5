package dockertest

import (
	"bytes"
	"time"
)

// pieceBytes is how much of a line becomes one record (Docker, daemon/logger/copier.go).
const pieceBytes = 16 << 10

// output takes what a container writes to a stream. Every line becomes a record when its
// end is there, or some when it is longer, all with the time of the first.
type output struct {
	stream string
	file   *jsonFile // nil: thrown away
	rest   []byte
	began  time.Time // of the line's first record; zero: it has none yet
}

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	o.rest = append(o.rest, p...)
	for {
		n := bytes.IndexByte(o.rest, '\n') + 1
		if n == 0 || n > pieceBytes {
			if len(o.rest) < pieceBytes {
				return len(p), nil
			}
			n = pieceBytes
		}
		if err := o.put(n); err != nil {
			return 0, err
		}
	}
}

// end writes what has no newline.
func (o *output) end() error {
	if len(o.rest) == 0 {
		return nil
	}
	return o.put(len(o.rest))
}

// put writes the first n bytes as a record.
func (o *output) put(n int) error {
	at, text := o.began, o.rest[:n]
	if at.IsZero() {
		at = time.Now()
	}
	o.began = at
	if text[n-1] == '\n' {
		o.began = time.Time{}
	}
	var err error
	if o.file != nil {
		err = o.file.write(o.stream, text, at)
	}
	o.rest = o.rest[:copy(o.rest, o.rest[n:])]
	return err
}
