package runtimetest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/cri-logshim/cri-logshim/logmgr/logline"
)

// Stream is what was read of the numbered lines of one stream. They follow each
// other without a gap.
type Stream struct {
	First, Last uint64
	// Done is whether the writer's last line was found: it said that there were
	// Last lines.
	Done bool
}

// Read reads all files of the log at an absolute path below podLogsDir, which may be a
// link to where Docker has its files. A line that does not follow the one before it in
// its stream is an error, as is one that no writer of numbered lines has written:
//
//	<stream> <number> <anything>
//	<stream> done <count>
func Read(podLogsDir, log string) (streams map[string]*Stream, err error) {
	content, err := openLog(podLogsDir, log)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, content.Close()) }()
	return read(content)
}

// Verify reads all files of a log and tells whether they hold these numbers of
// lines of these streams, each once and in order, from the first on.
func Verify(podLogsDir, log string, want map[string]uint64) error {
	streams, err := Read(podLogsDir, log)
	if err != nil {
		return err
	}
	var errs []error
	for name, s := range streams {
		if s.First != 1 {
			errs = append(errs, fmt.Errorf("%s begins with line %d", name, s.First))
		}
		if s.Last != want[name] {
			errs = append(errs, fmt.Errorf("%s ends with line %d, want %d", name, s.Last, want[name]))
		}
	}
	for name, n := range want {
		if streams[name] == nil && n > 0 {
			errs = append(errs, fmt.Errorf("%s: none of %d lines is there", name, n))
		}
	}
	return errors.Join(errs...)
}

func read(content io.Reader) (map[string]*Stream, error) {
	streams := map[string]*Stream{}
	lines := logline.NewReader(content, 0)
	for {
		line, err := lines.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read line: %w", err)
		}
		if line.Err != nil {
			return nil, fmt.Errorf("%w: %.100q", line.Err, line.Text)
		}
		name := line.Stream.String()
		s := streams[name]
		if s == nil {
			s = &Stream{}
			streams[name] = s
		}
		if line.More {
			return nil, fmt.Errorf("a line of more than %d bytes: %.100q", len(line.Text), line.Text)
		}
		if err := s.add(name, line.Text); err != nil {
			return nil, err
		}
	}
	if line, found := lines.Rest(); found {
		return nil, fmt.Errorf("%s ends with a part of a line: %.100q", line.Stream, line.Text)
	}
	if n := lines.Passed(); n > 0 {
		return nil, fmt.Errorf("%d blanks and NULs between the lines", n)
	}
	return streams, nil
}

func (s *Stream) add(name string, content []byte) error {
	said, rest, _ := bytes.Cut(content, []byte(" "))
	first, second, _ := bytes.Cut(rest, []byte(" "))
	last := string(first) == "done"
	if last {
		first = second
	}
	number, err := strconv.ParseUint(string(first), 10, 64)
	switch {
	case err != nil || string(said) != name:
		return fmt.Errorf("no numbered line of %s: %.100q", name, content)
	case s.Done:
		return fmt.Errorf("%s: line %.100q after the last one", name, content)
	case last:
		s.Done = true
		if number != s.Last {
			return fmt.Errorf("%s: the writer has written %d lines, the last one found is %d", name, number, s.Last)
		}
		return nil
	case s.First == 0:
		s.First = number
	case number != s.Last+1:
		return fmt.Errorf("%s: line %d follows line %d", name, number, s.Last)
	}
	s.Last = number
	return nil
}
