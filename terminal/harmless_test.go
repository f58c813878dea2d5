package terminal

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestHarmless(t *testing.T) {
	for text, want := range map[string]string{
		"":                                "",
		"plain text\twith a tab":          "plain text\twith a tab",
		"früh 早 😀 👩‍💻":                    "früh 早 😀 👩‍💻",
		"\x1b[2J\x1b]0;title\a":           "^[[2J^[]0;title^G",
		"\x00\r\n\x7f\x08":                "^@^M^J^?^H",
		"\x9b2J":                          "<9B>2J",
		"\u009b2J":                        "<U+009B>2J",
		"a\u202eb\u2066c\u200fd\u061c":    "a<U+202E>b<U+2066>c<U+200F>d<U+061C>",
		"one\u2028two\u2029":              "one<U+2028>two<U+2029>",
		"cut \xe6\x97":                    "cut <E6><97>",
		"\xed\xa0\x80\xc0\x9b":            "<ED><A0><80><C0><9B>",
		"\x1b[31mred\x1b[0m":              "^[[31mred^[[0m",
		"a real \ufffd stays what it was": "a real \ufffd stays what it was",
	} {
		if got := Harmless(text); got != want {
			t.Errorf("%q is shown as %q, want %q", text, got, want)
		}
	}
}

func TestColorsPassOnlyWhereTheyHideNothing(t *testing.T) {
	for text, want := range map[string]string{
		"\x1b[31mred\x1b[m":  "\x1b[31mred\x1b[m",
		"\x1b[1;38;5;8m":     "\x1b[1;38;5;8m",
		"\x1b[58;5;8m":       "\x1b[58;5;8m",
		"\x1b[38;2;8;8;8;1m": "\x1b[38;2;8;8;8;1m",
		"\x1b[38:2::8:8:8m":  "\x1b[38:2::8:8:8m",
		"\x1b[8mhidden":      "^[[8mhidden",
		"\x1b[1;008mhidden":  "^[[1;008mhidden",
		"\x1b[38;2;8;8;8;8m": "^[[38;2;8;8;8;8m",
		"\x1b[38;8m":         "^[[38;8m",
		"\x1b[38;5;1;8m":     "^[[38;5;1;8m",
		"\x1b[8:0m":          "^[[8:0m",
		"\x1b[2J":            "^[[2J",
		"\x1b[31":            "^[[31",
		"\x1b":               "^[",
		"\x1b]8;;http://x\a": "^[]8;;http://x^G",
		"\x1b[?1m\x1b[>4;1m": "^[[?1m^[[>4;1m",
		"\x1b[" + strings.Repeat("1;", maxSequence) + "m": "^[[" + strings.Repeat("1;", maxSequence) + "m",
	} {
		if got, _ := AppendHarmless(nil, []byte(text), true, false); string(got) != want {
			t.Errorf("%q is shown as %q, want %q", text, got, want)
		}
	}
}

// acted is whatever a terminal may act upon: all but printable characters and the tab.
func acted(char rune) bool {
	return char == utf8.RuneError || char != '\t' && unicode.IsControl(char) || char == '\u2028' || char == '\u2029' ||
		char >= '\u202a' && char <= '\u202e' || char >= '\u2066' && char <= '\u2069' || char == '\u200e' || char == '\u200f' || char == '\u061c'
}

// Whatever the text and wherever it is cut, nothing of it is acted upon, and it is shown as if it
// had come in one piece.
func FuzzHarmless(f *testing.F) {
	for _, seed := range []string{"a\tb", "\x1b[31mred\x1b[0m", "\u009b\x9b\xe6\x97\xa9", "\x1b[38;5;8;", "\u202e\u2028\xf0\x9f"} {
		f.Add([]byte(seed), uint(3), true)
		f.Add([]byte(seed), uint(1), false)
	}
	sequence := regexp.MustCompile("\x1b\\[[0-9;:]*m")
	f.Fuzz(func(t *testing.T, text []byte, cut uint, colors bool) {
		whole, used := AppendHarmless(nil, text, colors, false)
		if used != len(text) {
			t.Fatalf("of %q %d bytes are used", text, used)
		}
		left := whole
		if colors {
			left = sequence.ReplaceAll(whole, nil)
		}
		left = bytes.ReplaceAll(left, []byte("\ufffd"), nil)
		if at := bytes.IndexFunc(left, acted); at >= 0 {
			t.Fatalf("%q is shown as %q", text, whole)
		}

		piece := int(cut%7) + 1
		var shown, rest []byte
		for at := 0; at < len(text); at += piece {
			rest = append(rest, text[at:min(at+piece, len(text))]...)
			shown, used = AppendHarmless(shown, rest, colors, true)
			if rest = rest[used:]; len(rest) >= maxSequence {
				t.Fatalf("%d bytes of %q are left", len(rest), text)
			}
		}
		if shown, _ = AppendHarmless(shown, rest, colors, false); !bytes.Equal(shown, whole) {
			t.Fatalf("%q in pieces of %d is shown as %q, as a whole as %q", text, piece, shown, whole)
		}
	})
}
