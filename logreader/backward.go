package logreader

import (
	"bytes"
	"errors"
	"io"

	"github.com/cri-logshim/cri-logshim/logmgr/logline"
)

// backward gives the records of a plain file from the last one on.
type backward struct {
	r     io.ReaderAt
	end   int64 // where the record that was given last begins; at first the file's end
	after int64 // where it ends, with its newline
	begun bool
	floor int64  // where to stop looking for the beginning of a record; not above 0: nowhere
	from  int64  // where buf begins in the file
	buf   []byte // what is before end; of a record longer than most only its beginning
}

const (
	firstBlock = 16 << 10 // bytes that are read backwards at first
	mostBlock  = 256 << 10
	mostRecord = logline.DefaultLimit
)

// previous returns the record before the one given last, first what has no end, if there is any;
// io.EOF: there is none.
func (b *backward) previous() (logline.Record, error) {
	if !b.begun {
		b.begun = true
		if torn, err := b.torn(); err != nil || torn {
			return logline.Record{Err: logline.ErrTorn}, err
		}
	}
	for {
		text, err := b.line()
		if err != nil {
			return logline.Record{}, err
		}
		if text = bytes.TrimLeft(text, blanks); len(text) > 0 {
			return logline.ParseRecord(text), nil
		}
	}
}

// line returns the line of the file before the one given last.
func (b *backward) line() ([]byte, error) {
	if b.end == 0 {
		return nil, io.EOF
	}
	searched := max(len(b.buf)-1, 0) // before its newline
	for {
		if n := bytes.LastIndexByte(b.buf[:searched], '\n'); n >= 0 || b.from == 0 {
			text := bytes.TrimSuffix(b.buf[n+1:], []byte{'\n'})
			b.after, b.end = b.end, b.from+int64(n)+1
			b.buf = b.buf[:n+1]
			return text, nil
		}
		if b.floor > 0 && b.from <= b.floor {
			return nil, io.EOF
		}
		read, err := b.more()
		if err != nil {
			return nil, err
		}
		searched = read
	}
}

// blanks are what a logline.Reader passes over before a record.
const blanks = " \x00"

// torn passes over what comes after the last newline, and tells whether that is anything.
func (b *backward) torn() (some bool, err error) {
	b.after, b.from = b.end, b.end
	for b.end > 0 {
		read, err := b.more()
		if err != nil {
			return false, err
		}
		n := bytes.LastIndexByte(b.buf[:read], '\n')
		some = some || len(bytes.Trim(b.buf[n+1:], blanks)) > 0
		b.buf, b.end = b.buf[:n+1], b.from+int64(n)+1
		if n >= 0 || b.from == 0 {
			break
		}
	}
	return some, nil
}

// more reads a block before what is known, and returns its length.
func (b *backward) more() (int, error) {
	length := min(max(int64(len(b.buf)), firstBlock), mostBlock, b.from)
	kept := b.buf[:min(len(b.buf), mostRecord)]
	larger := make([]byte, length+int64(len(kept)))
	n, err := b.r.ReadAt(larger[:length], b.from-length)
	if int64(n) < length {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF // somebody has cut the file
		}
		return 0, err
	}
	if len(bytes.Trim(larger[:length], blanks)) == 0 {
		b.from -= length // a hole, which comes before a record and is no part of it
		return 0, nil
	}
	copy(larger[length:], kept)
	b.buf, b.from = larger, b.from-length
	return int(length), nil
}
