package logfile

import (
	"bytes"
	"fmt"
	"time"
)

// Line is one line of a container's log, as a CRI runtime writes it.
type Line struct {
	Time    time.Time
	Stream  string // "stdout" or "stderr"
	Partial bool   // the container's line goes on in the next Line of this stream
	Content []byte // without the newline; a part of what was parsed
}

// ParseLine parses a line of the CRI log format, with or without its newline:
//
//	2016-10-06T00:17:09.669794202Z stdout F content
//
// The third field is a list of tags with colons between them, of which the first tells
// whether the line is partial (P) or full (F). Errors wrap ErrLine.
func ParseLine(b []byte) (Line, error) {
	var line Line
	stamp, rest, ok := bytes.Cut(bytes.TrimSuffix(b, []byte("\n")), []byte(" "))
	if !ok {
		return Line{}, fmt.Errorf("%w: no stream", ErrLine)
	}
	var err error
	if line.Time, err = time.Parse(time.RFC3339Nano, string(stamp)); err != nil {
		return Line{}, fmt.Errorf("%w: %w", ErrLine, err)
	}
	stream, rest, ok := bytes.Cut(rest, []byte(" "))
	if line.Stream = string(stream); line.Stream != "stdout" && line.Stream != "stderr" {
		return Line{}, fmt.Errorf("%w: stream %q", ErrLine, stream)
	}
	if !ok {
		return Line{}, fmt.Errorf("%w: no tag", ErrLine)
	}
	tags, content, ok := bytes.Cut(rest, []byte(" "))
	if !ok {
		return Line{}, fmt.Errorf("%w: no content", ErrLine)
	}
	switch tag, _, _ := bytes.Cut(tags, []byte(":")); string(tag) {
	case "P":
		line.Partial = true
	case "F":
	default:
		return Line{}, fmt.Errorf("%w: tag %q", ErrLine, tags)
	}
	line.Content = content
	return line, nil
}
