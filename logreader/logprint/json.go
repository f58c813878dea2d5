package logprint

import (
	"bufio"
	"errors"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/cri-logshim/cri-logshim/logmgr/logline"
	"github.com/cri-logshim/cri-logshim/logreader"
	"github.com/cri-logshim/cri-logshim/terminal"
)

// jsonForm writes an object for each line, as the pieces of its text come:
//
//	{"time":"…","stream":"stdout","namespace":"…","pod":"…","podUID":"…","container":"…","attempt":0,"log":"…"}
//
// Marks stand behind the text, since they are known by its end only.
type jsonForm struct {
	out *bufio.Writer

	last   *logreader.Origin
	origin []byte // the last one's members

	room      []byte
	rest      []byte // the beginning of a character
	invalid   int    // bytes of the line that were no UTF-8
	continued bool
	context   bool
	err       error // why the line is none
}

func (f *jsonForm) begin(line *shown) error {
	if line.Origin != f.last || f.origin == nil {
		f.last, f.origin = line.Origin, appendOrigin([]byte{}, line.Origin)
	}
	f.rest, f.invalid, f.continued, f.context, f.err = f.rest[:0], 0, line.Continued, line.context, line.Err
	b := append(f.room[:0], '{')
	if line.Err == nil {
		b = append(b, `"time":"`...)
		b = line.Time.UTC().AppendFormat(b, time.RFC3339Nano)
		b = append(b, `","stream":"`...)
		b = append(b, line.Stream.String()...)
		b = append(b, `",`...)
	}
	b = append(b, f.origin...)
	b = append(b, `"log":"`...)
	f.room = b
	_, err := f.out.Write(b)
	return err
}

func appendOrigin(b []byte, origin *logreader.Origin) []byte {
	if origin == nil {
		return b
	}
	for _, member := range []struct{ name, value string }{
		{"namespace", origin.Namespace}, {"pod", origin.Pod}, {"podUID", origin.PodUID}, {"container", origin.Container},
	} {
		b = append(b, `"`+member.name+`":"`...)
		b, _, _ = appendJSON(b, []byte(member.value), false)
		b = append(b, `",`...)
	}
	b = append(b, `"attempt":`...)
	b = strconv.AppendUint(b, uint64(origin.Attempt), 10)
	return append(b, ',')
}

func (f *jsonForm) text(piece *shown) error {
	text := piece.Text
	if len(f.rest) > 0 {
		f.rest = append(f.rest, text...)
		text = f.rest
	}
	return f.write(text, piece.More)
}

func (f *jsonForm) write(text []byte, more bool) error {
	b, used, invalid := appendJSON(f.room[:0], text, more)
	f.room = b
	f.invalid += invalid
	f.rest = append(f.rest[:0], text[used:]...)
	_, err := f.out.Write(b)
	return err
}

func (f *jsonForm) finish(partial bool) error {
	if len(f.rest) > 0 {
		if err := f.write(f.rest, false); err != nil {
			return err
		}
	}
	b := append(f.room[:0], '"')
	for _, mark := range []struct {
		name string
		set  bool
	}{{"partial", partial}, {"continued", f.continued}, {"context", f.context}, {"torn", errors.Is(f.err, logline.ErrTorn)}} {
		if mark.set {
			b = append(b, `,"`+mark.name+`":true`...)
		}
	}
	if f.invalid > 0 {
		b = append(b, `,"invalidBytes":`...)
		b = strconv.AppendInt(b, int64(f.invalid), 10)
	}
	if f.err != nil {
		b = append(b, `,"error":"`...)
		b, _, _ = appendJSON(b, []byte(f.err.Error()), false)
		b = append(b, '"')
	}
	f.room = append(b, '}', '\n')
	_, err := f.out.Write(f.room)
	return err
}

// appendJSON appends text as a part of a JSON string, and returns how many bytes of it were used
// and how many of these are no UTF-8. If more, the beginning of a character at its end is left.
// Whatever is no printable character is written as an escape, so that the JSON may be shown on
// a terminal.
func appendJSON(dst, text []byte, more bool) (written []byte, used, invalid int) {
	for used < len(text) {
		start := used
		for used < len(text) && plain(text[used]) {
			used++
		}
		dst = append(dst, text[start:used]...)
		if used == len(text) {
			break
		}
		rest := text[used:]
		if more && !utf8.FullRune(rest) {
			break
		}
		char, n := utf8.DecodeRune(rest)
		used += n
		switch {
		case char == utf8.RuneError && n == 1:
			dst, invalid = append(dst, `\ufffd`...), invalid+1
		case char == '"' || char == '\\':
			dst = append(dst, '\\', byte(char))
		case char == '\n':
			dst = append(dst, `\n`...)
		case char == '\r':
			dst = append(dst, `\r`...)
		case char == '\t':
			dst = append(dst, `\t`...)
		case terminal.Steers(char): // all of these are of the basic plane
			dst = fmt.Appendf(dst, `\u%04x`, char)
		default:
			dst = append(dst, rest[:n]...)
		}
	}
	return dst, used, invalid
}

// plain tells whether a byte stands for itself in a JSON string.
func plain(c byte) bool { return c >= ' ' && c < 0x7f && c != '"' && c != '\\' }
