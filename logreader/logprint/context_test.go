package logprint

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/cri-logshim/cri-logshim/logreader"
)

func searchFor(t *testing.T, context int, expressions ...string) *Search {
	t.Helper()
	s := &Search{}
	if context > 0 {
		s.Context = &Context{Before: context}
	}
	for _, expression := range expressions {
		pattern, err := Compile(expression, false)
		if err != nil {
			t.Fatal(err)
		}
		s.Patterns = append(s.Patterns, pattern)
	}
	return s
}

// However many lines before one that is found are asked for, and of however many containers, what is
// kept of them has a bound.
func TestContextIsBounded(t *testing.T) {
	p, err := New(io.Discard, Options{Search: searchFor(t, 1_000_000, "needle")})
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		for _, origin := range []*logreader.Origin{web, side} {
			if err := p.Print(lineOf(origin, strings.Repeat("x", 1<<20))); err != nil {
				t.Fatal(err)
			}
		}
	}
	if kept := p.keeps(); kept > maxContext || kept < maxContext/2 {
		t.Errorf("%d bytes of 100 MiB are kept, at most %d may be", kept, maxContext)
	}
}

// A line whose end is missing is not taken for the beginning of the next one, in which what is looked
// for would then be found, or not.
func TestSearchOfALineWithoutAnEnd(t *testing.T) {
	lines := append(piecesOf(web, "nee|dle")[:1], lineOf(web, "dle"), lineOf(web, "a needle"))
	if got := printed(t, Options{Search: searchFor(t, 0, "needle")}, lines...); got != "a needle\n" {
		t.Errorf("shown is %q", got)
	}
	if got := printed(t, Options{Search: searchFor(t, 0, "^dle$")}, lines...); got != "dle\n" {
		t.Errorf("shown is %q", got)
	}
}

// What is found at one place by two patterns, or side by side, is marked once.
func TestMarksAreJoined(t *testing.T) {
	o := Options{Color: true, Search: searchFor(t, 0, "ab", "cd", "d")}
	if got, want := printed(t, o, lineOf(web, "xabcdx")), "x"+foundColor+"abcd\x1b[0mx\n"; got != want {
		t.Errorf("shown is %q, want %q", got, want)
	}
}

// What a terminal acts on beyond ASCII stands as an escape in JSON, which is the same to a program.
func TestJSONSteersNothing(t *testing.T) {
	got := printed(t, Options{Format: JSON}, lineOf(web, "a\u202eb\u0085c\x1b[1m\u2028"))
	if !strings.Contains(got, `"log":"a\u202eb\u0085c\u001b[1m\u2028"`) || bytes.ContainsAny([]byte(got), "\u202e\u0085\x1b\u2028") {
		t.Errorf("shown is %q", got)
	}
}
