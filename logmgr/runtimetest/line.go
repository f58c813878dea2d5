package runtimetest

import (
	"bytes"
	"errors"
	"fmt"
	"time"
)

// errLine marks what is no line of a container's log.
var errLine = errors.New("not a CRI log line")

// line is one line of a container's log, as a CRI runtime writes it.
type line struct {
	Time    time.Time
	Stream  string // "stdout" or "stderr"
	Partial bool   // the container's line goes on in the next line of this stream
	Content []byte // without the newline; a part of what was parsed
}

// parseLine parses a line of the CRI log format, with or without its newline:
//
//	2016-10-06T00:17:09.669794202Z stdout F content
//
// The third field is a list of tags with colons between them, of which the first tells
// whether the line is partial (P) or full (F). Errors wrap errLine.
func parseLine(b []byte) (line, error) {
	var l line
	stamp, rest, ok := bytes.Cut(bytes.TrimSuffix(b, []byte("\n")), []byte(" "))
	if !ok {
		return line{}, fmt.Errorf("%w: no stream", errLine)
	}
	var err error
	if l.Time, err = time.Parse(time.RFC3339Nano, string(stamp)); err != nil {
		return line{}, fmt.Errorf("%w: %w", errLine, err)
	}
	stream, rest, ok := bytes.Cut(rest, []byte(" "))
	if l.Stream = string(stream); l.Stream != "stdout" && l.Stream != "stderr" {
		return line{}, fmt.Errorf("%w: stream %q", errLine, stream)
	}
	if !ok {
		return line{}, fmt.Errorf("%w: no tag", errLine)
	}
	tags, content, ok := bytes.Cut(rest, []byte(" "))
	if !ok {
		return line{}, fmt.Errorf("%w: no content", errLine)
	}
	switch tag, _, _ := bytes.Cut(tags, []byte(":")); string(tag) {
	case "P":
		l.Partial = true
	case "F":
	default:
		return line{}, fmt.Errorf("%w: tag %q", errLine, tags)
	}
	l.Content = content
	return l, nil
}
