package logline

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// scanFields takes the JSON that Docker writes, in a small part of the time that a
// decoder for any JSON takes. Where it is not sure of itself, also of an error, it says
// so. What the text needs beyond b is appended to room.
func scanFields(b, room []byte) (fields, bool) {
	var f fields
	s := scanner{b}
	for open := byte('{'); ; open = ',' {
		if !s.skip(open) {
			return f, s.skip('}') && len(s.rest) == 0 && open == ','
		}
		key, ok := s.plainString()
		if !ok || !s.skip(':') {
			return f, false
		}
		switch string(key) {
		case "log":
			f.text, f.whole, ok = s.line(room)
		case "stream":
			f.stream, ok = s.plainString()
		case "time":
			f.time, ok = s.plainString()
		case "attrs":
			ok = s.skipAttributes()
		default:
			ok = false
		}
		if !ok {
			return f, false
		}
	}
}

// scanner takes tokens of JSON off the beginning of rest.
type scanner struct{ rest []byte }

func (s *scanner) skip(c byte) bool {
	if len(s.rest) == 0 || s.rest[0] != c {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

// plainString takes a string of ASCII without escapes.
func (s *scanner) plainString() ([]byte, bool) {
	if !s.skip('"') {
		return nil, false
	}
	n := plain(s.rest)
	text := s.rest[:n]
	s.rest = s.rest[n:]
	return text, s.skip('"')
}

// line takes a string, which is a line if a newline ends it. A line that needs no
// escape but for its newline is not copied.
func (s *scanner) line(room []byte) (text []byte, whole, ok bool) {
	const end = `\n"`
	if !s.skip('"') {
		return nil, false, false
	}
	if n := plain(s.rest); bytes.HasPrefix(s.rest[n:], []byte(end)) {
		text, s.rest = s.rest[:n], s.rest[n+len(end):]
		return text, true, true
	}
	text, ok = s.restOfString(room)
	text, whole = bytes.CutSuffix(text, []byte("\n"))
	return text, whole, ok
}

// restOfString takes any string without its first quote, and appends it to room.
func (s *scanner) restOfString(room []byte) ([]byte, bool) {
	out := room[:0]
	for {
		n := plain(s.rest)
		out = append(out, s.rest[:n]...)
		s.rest = s.rest[n:]
		if len(s.rest) == 0 {
			return nil, false
		}
		switch c := s.rest[0]; {
		case c == '"':
			s.rest = s.rest[1:]
			return out, true
		case c == '\\':
			char, length := unescape(s.rest)
			if length == 0 {
				return nil, false
			}
			out = utf8.AppendRune(out, char)
			s.rest = s.rest[length:]
		default:
			char, length := utf8.DecodeRune(s.rest)
			if c < ' ' || char == utf8.RuneError && length == 1 {
				return nil, false
			}
			out = append(out, s.rest[:length]...)
			s.rest = s.rest[length:]
		}
	}
}

// skipAttributes takes an object of plain strings.
func (s *scanner) skipAttributes() bool {
	if !s.skip('{') {
		return false
	}
	for first := true; !s.skip('}'); first = false {
		if !first && !s.skip(',') {
			return false
		}
		if _, ok := s.plainString(); !ok || !s.skip(':') {
			return false
		}
		if _, ok := s.plainString(); !ok {
			return false
		}
	}
	return true
}

// unescape is what an escape at the beginning of b means. Its length is 0 if there is
// none, and for halves of surrogate pairs.
func unescape(b []byte) (char rune, length int) {
	if len(b) < 2 {
		return 0, 0
	}
	switch c := b[1]; c {
	case '"', '\\', '/':
		return rune(c), 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'u':
		return unescapeHex(b[2:])
	default:
		return 0, 0
	}
}

func unescapeHex(b []byte) (char rune, length int) {
	if len(b) < 4 {
		return 0, 0
	}
	for _, c := range b[:4] {
		digit, ok := hexDigit(c)
		if !ok {
			return 0, 0
		}
		char = char<<4 | digit
	}
	if char >= 0xd800 && char < 0xe000 {
		return 0, 0
	}
	return char, len(`\u0000`)
}

func hexDigit(c byte) (rune, bool) {
	switch {
	case c >= '0' && c <= '9':
		return rune(c - '0'), true
	case c >= 'a' && c <= 'f':
		return rune(c-'a') + 10, true
	case c >= 'A' && c <= 'F':
		return rune(c-'A') + 10, true
	default:
		return 0, false
	}
}

// plain is how many bytes of b come before the first that needs a second look in a JSON
// string: a quote, a backslash, a control character or one beyond ASCII. It looks at
// eight bytes at a time: subtracting lets the top bit of a byte tell that it was
// smaller, and what a byte borrows falsifies later ones only.
func plain(b []byte) int {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	n := 0
	for ; len(b)-n >= 8; n += 8 {
		word := binary.LittleEndian.Uint64(b[n:])
		quote, backslash := word^('"'*ones), word^('\\'*ones)
		if found := (word | (word - ' '*ones) | (quote - ones) | (backslash - ones)) & tops; found != 0 {
			return n + bits.TrailingZeros64(found)/8
		}
	}
	for ; n < len(b); n++ {
		if c := b[n]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			break
		}
	}
	return n
}
