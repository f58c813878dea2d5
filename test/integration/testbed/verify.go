package testbed

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// Verification is what was found of the lines of one seqwriter.
type Verification struct {
	Files       int     // of the log
	Bytes       int64   // of all files, uncompressed
	LargestFile int64   // bytes, uncompressed
	Rotated     []int64 // bytes of each rotated file, uncompressed
	Torn        int     // lines that end in their middle, as one does whose runtime is killed while it writes it; not those that end in their time
	Streams     map[string]*StreamVerification
}

// StreamVerification is about the lines of one stream. Nothing was lost and nothing
// doubled or moved if Written equals Found and all else is 0.
type StreamVerification struct {
	Written    uint64 // what the writer's last line says; the highest number found if it is not there
	Ended      bool   // the writer's last line is there
	Found      uint64 // different lines
	Lost       uint64
	FirstLost  uint64   // the number of the first lost line; 0: none
	FirstFound uint64   // the lowest number found; those before it went with the oldest files, if any did; 0: none
	Cut        bool     // the first line that was found is the end of one
	Duplicated uint64   // lines that were found again
	OutOfOrder uint64   // lines that follow a later one
	Begins     []uint64 // the number of the first whole line of each file that has any
	fresh      bool     // nothing of the current file has been counted
	length     int      // of every line of the writer but the last
	seen       []uint64
	highest    uint64
	partial    []byte
}

// Verify reads all files of a log, as <container's folder>/0.log, and counts. The lines
// are those of a seqwriter; another line is an error, as is a file that does not belong
// there. It shares no code with what it verifies. The log must not be rotated meanwhile.
// Where it is a link it leads to Docker's files, which hold JSON records.
//
// It may have files elsewhere too, as logs of the same kind: a file that has several names
// is read once, by the first.
func Verify(log string, elsewhere ...string) (Verification, error) {
	v := Verification{Streams: map[string]*StreamVerification{}}
	files, err := logFiles(append([]string{log}, elsewhere...)...)
	if err != nil {
		return v, err
	}
	for _, name := range files {
		for _, s := range v.Streams {
			s.fresh = true
		}
		size, err := v.readFile(name)
		if err != nil {
			return v, fmt.Errorf("verify %q: %w", name, err)
		}
		v.Files++
		v.Bytes += size
		v.LargestFile = max(v.LargestFile, size)
		if filepath.Ext(name) != ".log" {
			v.Rotated = append(v.Rotated, size)
		}
	}
	for _, s := range v.Streams {
		s.conclude()
	}
	return v, nil
}

// Complete is nil if every line of these streams, and of no other, was found exactly once
// and in order, up to the writer's last.
func (v Verification) Complete(streams ...string) error {
	errs := []error{v.tornError()}
	for _, name := range streams {
		s := v.Streams[name]
		switch {
		case s == nil:
			errs = append(errs, fmt.Errorf("%s: no line was found", name))
		case !s.Ended || s.Lost+s.Duplicated+s.OutOfOrder > 0 || s.Cut:
			errs = append(errs, fmt.Errorf("%s: %v", name, s))
		}
	}
	if len(v.Streams) > len(streams) {
		errs = append(errs, fmt.Errorf("lines of %d streams were found instead of %d", len(v.Streams), len(streams)))
	}
	return errors.Join(errs...)
}

// CompleteSince is as Complete, but the beginning may be missing, as it is once the oldest
// files of a log have been removed.
func (v Verification) CompleteSince(streams ...string) error {
	errs := []error{v.tornError()}
	for _, name := range streams {
		s := v.Streams[name]
		if s == nil || !s.Ended || s.Lost-s.Head()+s.Duplicated+s.OutOfOrder > 0 {
			errs = append(errs, fmt.Errorf("%s: %v", name, s))
		}
	}
	return errors.Join(errs...)
}

func (v Verification) tornError() error {
	if v.Torn == 0 {
		return nil
	}
	return fmt.Errorf("%d lines end in their middle", v.Torn)
}

// Head is how many of the lost lines come before the first that was found.
func (s *StreamVerification) Head() uint64 { return s.FirstFound - min(s.FirstFound, 1) }

func (s *StreamVerification) String() string {
	if s == nil {
		return "no line was found"
	}
	return fmt.Sprintf("written %d (last line found: %t), found %d, lost %d (first %d, %d at the head, the next one cut: %t), duplicated %d, out of order %d",
		s.Written, s.Ended, s.Found, s.Lost, s.FirstLost, s.Head(), s.Cut, s.Duplicated, s.OutOfOrder)
}

func (v *Verification) readFile(name string) (size int64, err error) {
	file, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	content, err := uncompressed(filepath.Ext(name), file)
	if err != nil {
		return 0, err
	}
	defer content.Close()
	for in := bufio.NewReaderSize(content, 1<<20); ; {
		line, err := in.ReadSlice('\n')
		size += int64(len(line))
		switch {
		case errors.Is(err, io.EOF):
			if len(line) > 0 {
				v.Torn++
			}
			return size, nil
		case err != nil:
			return size, fmt.Errorf("line at byte %d: %w: %.100q", size, err, line)
		}
		if err := v.addOrTear(line[:len(line)-1]); err != nil {
			return size, err
		}
	}
}

// addOrTear takes a line, or the last that begins in it: a runtime that is started again
// writes its first line behind what was written of the last.
func (v *Verification) addOrTear(line []byte) error {
	err := v.add(line)
	if err == nil {
		return nil
	}
	begins := regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:.]+(Z|[+-]\d\d:\d\d) std(out|err) [FP] `).FindAllIndex(line, -1)
	if len(begins) == 0 || begins[len(begins)-1][0] == 0 {
		return err
	}
	v.Torn++
	return v.add(line[begins[len(begins)-1][0]:])
}

// add takes a line as a runtime writes it.
func (v *Verification) add(line []byte) error {
	name, partial, content, err := splitLine(line)
	if err != nil {
		return err
	}
	s := v.Streams[name]
	if s == nil {
		s = &StreamVerification{fresh: true}
		v.Streams[name] = s
	}
	if partial {
		s.partial = append(s.partial, content...)
		return nil
	}
	if len(s.partial) > 0 {
		content = append(s.partial, content...)
		s.partial = s.partial[:0]
	}
	return s.add(name, content)
}

// splitLine takes apart "<time> <stream> <P or F> <content>", or one of Docker's records:
// {"log":"<content>\n","stream":"<stream>","time":"<time>"}, partial without the newline.
func splitLine(line []byte) (stream string, partial bool, content []byte, err error) {
	if bytes.HasPrefix(line, []byte("{")) {
		var record struct{ Log, Stream, Time string }
		if err := json.Unmarshal(line, &record); err != nil || record.Stream == "" || record.Time == "" {
			return "", false, nil, fmt.Errorf("not a record of Docker's: %w: %.100q", err, line)
		}
		text, whole := strings.CutSuffix(record.Log, "\n")
		return record.Stream, !whole, []byte(text), nil
	}
	fields := bytes.SplitN(line, []byte(" "), 4)
	if len(fields) != 4 || len(fields[2]) != 1 {
		return "", false, nil, fmt.Errorf("not a line of a log: %.100q", line)
	}
	return string(fields[1]), fields[2][0] == 'P', fields[3], nil
}

// add takes a line of the writer: "<stream> <number> <padding>" or "<stream> done <count>".
func (s *StreamVerification) add(stream string, content []byte) error {
	said, rest, _ := bytes.Cut(content, []byte(" "))
	first, second, _ := bytes.Cut(rest, []byte(" "))
	last := string(first) == "done"
	if last {
		first = second
	}
	number, err := strconv.ParseUint(string(first), 10, 64)
	switch {
	case (err != nil || string(said) != stream) && s.highest == 0 && !s.Ended && !s.Cut:
		s.Cut = true // a runtime that rotates in the middle of a line puts its end into the next file
	case err != nil || string(said) != stream || number == 0 && !last:
		return fmt.Errorf("not a line that the writer wrote to %s: %.100q", stream, content)
	case !last && s.length > 0 && s.length != len(content):
		return fmt.Errorf("a line of %s has %d bytes instead of %d: %.100q", stream, len(content), s.length, content)
	case last && s.Ended:
		s.Duplicated++
	case last:
		s.Written, s.Ended = number, true
	default:
		s.length = len(content)
		s.count(number)
	}
	return nil
}

func (s *StreamVerification) count(number uint64) {
	if s.fresh {
		s.Begins, s.fresh = append(s.Begins, number), false
	}
	word, bit := number/64, uint64(1)<<(number%64)
	for uint64(len(s.seen)) <= word {
		s.seen = append(s.seen, 0)
	}
	switch {
	case s.seen[word]&bit != 0:
		s.Duplicated++
		return
	case number < s.highest || s.Ended:
		s.OutOfOrder++
	}
	s.seen[word] |= bit
	if s.Found++; s.FirstFound == 0 || number < s.FirstFound {
		s.FirstFound = number
	}
	s.highest = max(s.highest, number)
}

func (s *StreamVerification) conclude() {
	s.Written = max(s.Written, s.highest)
	s.Lost = s.Written - s.Found
	for number := uint64(1); s.Lost > 0 && s.FirstLost == 0; number++ {
		if !s.has(number) {
			s.FirstLost = number
		}
	}
	s.seen = nil
}

// has tells whether a line was found.
func (s *StreamVerification) has(number uint64) bool {
	word := number / 64
	return word < uint64(len(s.seen)) && s.seen[word]&(1<<(number%64)) != 0
}
