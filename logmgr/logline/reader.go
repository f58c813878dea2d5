package logline

import (
	"bytes"
	"io"
	"time"
)

const (
	// DefaultLimit is how many bytes of a line a Reader gives at once: containerd and
	// Docker cut lines into pieces of 16 KiB, but containerd can be told not to.
	DefaultLimit = 1 << 20

	leastLimit = 1 << 10 // more than what comes before a record's text
	firstRoom  = 64 << 10
	emptyReads = 100 // that a source may give one after the other
)

// Reader reads the lines of a log. The format is recognised record by record, as a file
// of either holds nothing that begins like a record of the other. It needs a few times
// its limit of memory at most, and for a line of the CRI format that is not cut it
// neither copies nor allocates anything.
//
// Spaces and NULs before a record are passed over: the former blank what was cut off the
// beginning of a file, the latter are what a crash of the node leaves of data that
// did not reach the disk.
type Reader struct {
	src   io.Reader
	limit int

	buf                 []byte
	start, scanned, end int    // buf[start:end] has been read and not given; there is no newline before scanned
	room                []byte // for the text of a JSON record
	passed              int64

	long   bool   // what comes next belongs to the record whose beginning was given
	begun  record // that record's
	cut    bool   // what is left belongs to a file that has ended
	joints [streams]joint
	given  *joint // the one whose text was given last
}

// joint is where the pieces of one stream's line come together.
type joint struct {
	stream Stream
	open   bool // there was a piece, and there are more to come
	some   bool // and some of the line was given
	time   time.Time
	text   []byte // that was not given
}

func (j *joint) add(rec record) {
	if !j.open {
		j.open, j.stream, j.time = true, rec.stream, rec.time
	}
	j.text = append(j.text, rec.text...)
}

// NewReader returns a Reader of what src holds. A line longer than limit bytes is given in
// pieces, each at least that long but the last; limit is DefaultLimit if it is 0.
func NewReader(src io.Reader, limit int) *Reader {
	if limit == 0 {
		limit = DefaultLimit
	}
	return &Reader{src: src, limit: max(limit, leastLimit)}
}

// Next returns the log's next line. The error is io.EOF when there is none whose end was
// written; it may be asked again once the source holds more, as a log does that is
// being written, and until then Rest is what has no end. Any other error is the source's.
func (r *Reader) Next() (Line, error) {
	r.release()
	if line, torn := r.torn(); torn {
		return line, nil
	}
	for {
		chunk, ends, err := r.chunk()
		if err != nil {
			return Line{}, err
		}
		if line, complete := r.take(chunk, ends); complete {
			return line, nil
		}
	}
}

// Continue goes on with src, the next file of the same log. A line may have a piece in
// both, as runtimes write them; a record may not, and what the file before holds of
// one is given as torn.
func (r *Reader) Continue(src io.Reader) {
	r.src, r.cut = src, true
}

// Passed is how many bytes of blanks and NULs were passed over.
func (r *Reader) Passed() int64 { return r.passed }

// Rest returns, one by one, the lines that have no end and then the record that has none,
// for a log that is not written any longer. It reads nothing.
func (r *Reader) Rest() (Line, bool) {
	r.release()
	for stream := range r.joints {
		if j := &r.joints[stream]; len(j.text) > 0 {
			return r.give(j, true), true
		}
	}
	r.cut = true
	return r.torn()
}

// give gives what there is of a line. It is the caller's until release.
func (r *Reader) give(j *joint, more bool) Line {
	line := Line{Time: j.time, Stream: j.stream, Text: j.text, Continued: j.some, More: more}
	j.open, j.some, r.given = more, more, j
	return line
}

// release forgets what the caller has had.
func (r *Reader) release() {
	if r.given != nil {
		r.given.text, r.given = r.given.text[:0], nil
	}
}

// torn takes what is left of a file that has ended.
func (r *Reader) torn() (Line, bool) {
	if !r.cut {
		return Line{}, false
	}
	rest := r.buf[r.start:r.end]
	r.start, r.scanned, r.end = 0, 0, 0
	r.cut, r.long = false, false
	return Line{Text: rest, Err: ErrTorn}, len(rest) > 0
}

// take takes a record, or as much of one as the limit lets, or more of it.
func (r *Reader) take(chunk []byte, ends bool) (line Line, complete bool) {
	if r.long {
		return r.takeMore(chunk, ends)
	}
	if len(chunk) == 0 {
		return Line{}, false
	}
	rec := r.parse(chunk, ends)
	if !ends {
		r.long, r.begun = true, rec
	}
	if rec.err != nil {
		return Line{Text: rec.text, More: !ends, Err: rec.err}, true
	}
	return r.join(rec, rec.partial || !ends)
}

func (r *Reader) takeMore(chunk []byte, ends bool) (line Line, complete bool) {
	r.long, r.begun.text = !ends, chunk
	if r.begun.err != nil {
		return Line{Text: chunk, Continued: true, More: !ends, Err: r.begun.err}, true
	}
	return r.join(r.begun, r.begun.partial || !ends)
}

// join makes a line of a record and of those before it that belong to the same.
func (r *Reader) join(rec record, partial bool) (line Line, complete bool) {
	j := &r.joints[rec.stream]
	if !partial && !j.open {
		return Line{Time: rec.time, Stream: rec.stream, Text: rec.text}, true
	}
	j.add(rec)
	if partial && len(j.text) < r.limit {
		return Line{}, false
	}
	return r.give(j, partial), true
}

func (r *Reader) parse(b []byte, ends bool) record {
	switch {
	case b[0] != '{':
		return parseCRI(b)
	case !ends:
		return record{text: b, err: errLong}
	}
	if cap(r.room) < len(b) {
		r.room = make([]byte, 0, len(r.buf)) // a text is never longer than its JSON
	}
	return parseJSON(b, r.room)
}

// chunk takes the next record without its newline out of the source, or as much of it as
// the limit lets.
func (r *Reader) chunk() (chunk []byte, ends bool, err error) {
	for {
		if !r.long {
			r.passBlanks()
		}
		if n := bytes.IndexByte(r.buf[r.scanned:r.end], '\n'); n >= 0 {
			chunk = r.buf[r.start : r.scanned+n]
			r.start = r.scanned + n + 1
			r.scanned = r.start
			return chunk, true, nil
		}
		if r.scanned = r.end; r.end-r.start >= r.limit {
			chunk = r.buf[r.start:r.end]
			r.start = r.end
			return chunk, false, nil
		}
		if err := r.fill(); err != nil {
			return nil, false, err
		}
	}
}

func (r *Reader) passBlanks() {
	before := r.start
	for r.start < r.end && (r.buf[r.start] == ' ' || r.buf[r.start] == 0) {
		r.start++
	}
	r.passed += int64(r.start - before)
	r.scanned = max(r.scanned, r.start)
}

// fill reads more, at least a byte.
func (r *Reader) fill() error {
	r.makeRoom()
	for range emptyReads {
		n, err := r.src.Read(r.buf[r.end:])
		if r.end += n; n > 0 {
			return nil // an error comes again
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

// makeRoom makes sure that there is room behind what has been read, all of which has been
// scanned. The room grows with the records, up to the limit.
func (r *Reader) makeRoom() {
	if kept := r.end - r.start; kept == 0 || r.start > len(r.buf)/2 || r.end == len(r.buf) {
		copy(r.buf, r.buf[r.start:r.end])
		r.start, r.scanned, r.end = 0, kept, kept
	}
	if r.end == len(r.buf) {
		larger := make([]byte, min(max(2*len(r.buf), firstRoom), r.limit))
		copy(larger, r.buf[:r.end])
		r.buf = larger
	}
}
