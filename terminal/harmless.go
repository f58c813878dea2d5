package terminal

import (
	"fmt"
	"unicode"
	"unicode/utf8"
)

// Harmless is text of others as it may be shown on a terminal, in one line: whatever a terminal
// would act on can be seen instead. See AppendHarmless.
func Harmless(text string) string {
	for at := range len(text) {
		if c := text[at]; c < ' ' || c >= 0x7f {
			shown, _ := AppendHarmless(nil, []byte(text), false, false)
			return string(shown)
		}
	}
	return text
}

// AppendHarmless appends text to dst so that no byte of it is acted upon by a terminal. Control
// characters but the tab become ^X, as cat -v has them; what is no UTF-8 becomes <9B>, and
// what steers a terminal or the direction of text beyond ASCII becomes <U+202E>, as less has them.
//
// If colors, sequences that set colours and the like (SGR) pass, but for those that hide text;
// whoever lets them pass ends the line with Reset.
//
// If more, there is more text to come, and the number of bytes that were used may be smaller
// than that of text, by less than maxSequence: what is left is to come first in the next call.
func AppendHarmless(dst, text []byte, colors, more bool) (shown []byte, used int) {
	for used < len(text) {
		if n := printable(text[used:]); n > 0 {
			dst = append(dst, text[used:used+n]...)
			used += n
			continue
		}
		rest := text[used:]
		switch c := rest[0]; {
		case c == 0x1b && colors:
			n, whole := sgr(rest)
			if !whole && more && len(rest) < maxSequence {
				return dst, used
			}
			if whole {
				dst, used = append(dst, rest[:n]...), used+n
				continue
			}
			dst, used = appendControl(dst, c), used+1
		case c < utf8.RuneSelf:
			dst, used = appendControl(dst, c), used+1
		default:
			if more && !utf8.FullRune(rest) {
				return dst, used
			}
			char, n := utf8.DecodeRune(rest)
			dst, used = appendRune(dst, char, rest[:n]), used+n
		}
	}
	return dst, used
}

// printable is how many bytes at the beginning of text are ASCII that may be seen, or tabs.
func printable(text []byte) int {
	for at, c := range text {
		if c < ' ' && c != '\t' || c >= 0x7f {
			return at
		}
	}
	return len(text)
}

func appendControl(dst []byte, c byte) []byte { return append(dst, '^', c^0x40) }

func appendRune(dst []byte, char rune, encoded []byte) []byte {
	switch {
	case char == utf8.RuneError && len(encoded) == 1:
		return fmt.Appendf(dst, "<%02X>", encoded[0])
	case Steers(char):
		return fmt.Appendf(dst, "<U+%04X>", char)
	default:
		return append(dst, encoded...)
	}
}

// Steers tells whether a character is not shown but acted upon: controls, ends of lines and
// what changes the direction of text. The tab is not counted.
func Steers(char rune) bool {
	switch {
	case char < ' ':
		return char != '\t'
	case char < 0x7f:
		return false
	case char < 0xa0:
		return true
	}
	return char == '\u2028' || char == '\u2029' || unicode.Is(unicode.Bidi_Control, char)
}
