package logprint

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/cri-logshim/cri-logshim/logreader"
)

// Whatever the text, JSON is valid and holds it, but for bytes that are no UTF-8.
func FuzzJSON(f *testing.F) {
	f.Add([]byte("a\"\\\x00\xff\u202e\u2028"), uint(2))
	f.Add([]byte("\xe6\x97\xa9\xf0\x9f\x98\x80"), uint(1))
	f.Fuzz(func(t *testing.T, text []byte, cut uint) {
		got := printed(t, Options{Format: JSON}, cutUp(web, text, cut)...)
		var object struct {
			Log          string `json:"log"`
			InvalidBytes int    `json:"invalidBytes"`
			Partial      bool   `json:"partial"`
		}
		if err := json.Unmarshal([]byte(got), &object); err != nil || strings.Count(got, "\n") != 1 {
			t.Fatalf("%q becomes %s: %v", text, got, err)
		}
		want := []rune(string(text)) // U+FFFD for each byte that is no UTF-8
		whole := strings.Count(string(text), "\ufffd")
		replaced := strings.Count(string(want), "\ufffd") - whole
		if object.Log != string(want) || object.InvalidBytes != replaced || object.Partial {
			t.Fatalf("%q becomes %s", text, got)
		}
	})
}

// Whatever the text and the names, a terminal gets nothing that it acts on but what is ours.
func FuzzTerminal(f *testing.F) {
	f.Add([]byte("\x1b[31mred\x1b[0m\xff\u009b"), "po\x1bd", "c\u202e", uint(3), byte(0))
	f.Add([]byte("needle\x1b[31"), "pod", "c", uint(1), byte(0x1f))
	f.Fuzz(func(t *testing.T, text []byte, pod, container string, cut uint, how byte) {
		origin := &logreader.Origin{Namespace: pod, Pod: pod, PodUID: container, Container: container}
		o := Options{Format: []Format{Text, JSON, Raw}[int(how>>5)%3], Terminal: true, Prefix: how&1 != 0, Timestamps: how&2 != 0, Color: how&4 != 0}
		if how&8 != 0 {
			pattern, err := Compile("needle|[0-9]+", how&16 != 0)
			if err != nil {
				t.Fatal(err)
			}
			o.Search = &Search{Patterns: []Pattern{pattern}, Context: &Context{Before: 1, After: 1}}
		}
		got := printed(t, o, cutUp(origin, text, cut)...)
		for _, ours := range []string{foundColor, "\x1b[0m", "\x1b[36m"} {
			if o.Color && o.Format == Text {
				got = strings.ReplaceAll(got, ours, "")
			}
		}
		for at, char := range got {
			if char != '\n' && char != '\t' && (char < ' ' || char >= 0x7f && char < 0xa0 || char >= 0x202a && char <= 0x202e || !strings.HasPrefix(got[at:], string(char))) {
				t.Fatalf("%q of %q is shown as %q", text, pod, got)
			}
		}
		if n := strings.Count(got, "\n"); n > 1 {
			t.Fatalf("%q of %q becomes %d lines: %q", text, pod, n, got)
		}
	})
}

// A line is found where the expression finds it, whichever way it is looked for.
func FuzzPattern(f *testing.F) {
	for _, expression := range []string{"panic|fatal", "a|", "|", `a\|b`, "[a|b]", "\ufffd", "a.c|b"} {
		f.Add(expression, []byte("a|b fatal \xff"), false)
	}
	f.Fuzz(func(t *testing.T, expression string, text []byte, ignoreCase bool) {
		p, err := Compile(expression, ignoreCase)
		if err != nil {
			return
		}
		if got := p.in(text); got != p.expression.Match(text) {
			t.Fatalf("%q in %q: %t", expression, text, got)
		}
	})
}

// cutUp is a line in pieces of a length.
func cutUp(origin *logreader.Origin, text []byte, cut uint) []logreader.Line {
	var lines []logreader.Line
	size := int(cut%9) + 1
	for at := 0; at == 0 || at < len(text); at += size {
		line := lineOf(origin, string(text[at:min(at+size, len(text))]))
		line.Continued, line.More = at > 0, at+size < len(text)
		lines = append(lines, line)
	}
	return lines
}
