// Package logline reads the lines that containers have written out of their logs, in
// both formats that runtimes on a node use: the CRI log format of containerd and CRI-O,
// and the JSON records of Docker's json-file driver. It puts the pieces of a long line
// together again. What is no record is given as it is; only blanks and NULs before a
// record are passed over.
//
// It knows nothing of files, of their names, or of compression.
package logline

import (
	"errors"
	"fmt"
	"time"
)

// Stream is what a container has written to.
type Stream uint8

// The streams. None is that of a record that could not be read.
const (
	None Stream = iota
	Stdout
	Stderr

	streams = 3
)

// String is the stream's name in both formats, and empty for None.
func (s Stream) String() string {
	switch s {
	case Stdout:
		return "stdout"
	case Stderr:
		return "stderr"
	default:
		return ""
	}
}

// streamOf is None for a name that is no stream's.
func streamOf(name []byte) Stream {
	switch string(name) {
	case "stdout":
		return Stdout
	case "stderr":
		return Stderr
	default:
		return None
	}
}

// Line is one line of a container's output, or a piece of one that is longer than a
// Reader's limit, or, with an Err, bytes of the log that are none.
type Line struct {
	// Time is when the runtime got the first piece of the line, in UTC.
	Time time.Time
	// Stream is what the line was written to.
	Stream Stream
	// Text is the line byte for byte, without its newline; a carriage return before that
	// belongs to the line. It is overwritten by the next call of the Reader.
	Text []byte
	// Continued is whether Text goes on where the last one of this stream has stopped.
	Continued bool
	// More is whether the line goes on after Text.
	More bool
	// Err is nil, or tells why Text is a part of the log that could not be understood. It
	// wraps ErrGarbage. Time and Stream say nothing then.
	Err error
}

var (
	// ErrGarbage marks what is no record of a log.
	ErrGarbage = errors.New("no record of a container's log")
	// ErrTorn marks a record whose end is missing. It wraps ErrGarbage.
	ErrTorn = fmt.Errorf("%w: it has no end", ErrGarbage)

	errTime   = fmt.Errorf("%w: no time at its beginning", ErrGarbage)
	errStream = fmt.Errorf("%w: neither of stdout nor of stderr", ErrGarbage)
	errTag    = fmt.Errorf("%w: neither partial nor full", ErrGarbage)
	errText   = fmt.Errorf("%w: no text", ErrGarbage)
	errJSON   = fmt.Errorf("%w: not the JSON that Docker writes", ErrGarbage)
	errLong   = fmt.Errorf("%w: a JSON record longer than the limit", ErrGarbage)
)

// record is what a runtime writes at once: a line, or a piece of one.
type record struct {
	time    time.Time
	stream  Stream
	partial bool   // the line goes on in the stream's next record
	text    []byte // a part of what was parsed, or of the parser's
	err     error  // see Line; text is the whole record then
}
