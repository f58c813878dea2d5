package logprint

import (
	"fmt"
	"io"
	"strings"
	"testing"
)

// A line that is as long as many lines is shown in bounded memory, and so are those that wait
// for its end: whatever is asked for.
func TestMemoryIsBounded(t *testing.T) {
	const pieces, size = 128, 1 << 20
	pattern, err := Compile("needle", false)
	if err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]Options{
		"text": {}, "terminal": {Terminal: true}, "json": {Format: JSON},
		"found":         {Search: &Search{Patterns: []Pattern{pattern}, Invert: true}},
		"not found":     {Search: &Search{Patterns: []Pattern{pattern}, Context: &Context{Before: 1000, After: 1}}},
		"found, marked": {Color: true, Search: &Search{Patterns: []Pattern{pattern}, Context: &Context{Before: 1000}}},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := New(io.Discard, o)
			if err != nil {
				t.Fatal(err)
			}
			line := lineOf(web, strings.Repeat("x", size))
			peak := 0
			for n := range pieces {
				line.Continued, line.More = n > 0, n < pieces-1
				if err := p.Print(line); err != nil {
					t.Fatal(err)
				}
				if n%16 == 0 {
					if err := p.Print(lineOf(side, string(line.Text))); err != nil {
						t.Fatal(err)
					}
				}
				peak = max(peak, p.keeps())
			}
			if err := p.Close(); err != nil {
				t.Fatal(err)
			}
			if limit := maxHeld + maxContext + 16*size; peak > limit {
				t.Errorf("%d bytes are kept of lines, at most %d may be", peak, limit)
			}
		})
	}
}

// keeps is how many bytes of lines a Printer holds.
func (p *Printer) keeps() int {
	kept := 0
	for _, line := range p.joiner.held {
		kept += cap(line.Text)
	}
	switch form := p.joiner.form.(type) {
	case *textForm:
		kept += cap(form.room) + cap(form.rest)
	case *jsonForm:
		kept += cap(form.room) + cap(form.rest)
	}
	if p.finder == nil {
		return kept
	}
	for _, s := range p.finder.order {
		for _, line := range s.before {
			kept += cap(line.Text)
		}
		for _, gathered := range s.pieces {
			kept += cap(gathered.line.Text)
		}
	}
	return kept
}

func TestPrintAllocatesNothing(t *testing.T) {
	pattern, err := Compile("needle", false)
	if err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]Options{
		"text": {Prefix: true, Timestamps: true}, "terminal": {Terminal: true}, "json": {Format: JSON},
		"search": {Search: &Search{Patterns: []Pattern{pattern}, Context: &Context{}}},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := New(io.Discard, o)
			if err != nil {
				t.Fatal(err)
			}
			line := lineOf(web, "some text with an escape \x1b[1m in it")
			if allocated := testing.AllocsPerRun(1000, func() {
				if err := p.Print(line); err != nil {
					t.Fatal(err)
				}
			}); allocated >= 1 {
				t.Errorf("%.1f allocations for a line", allocated)
			}
		})
	}
}

func BenchmarkPrint(b *testing.B) {
	line := lineOf(web, `10.0.0.1 - - [06/Oct/2016:00:17:09 +0000] GET /api/v1/items?page=7 HTTP/1.1 200 5316 - curl/7.88.1`)
	for _, o := range []Options{{}, {Timestamps: true}, {Terminal: true}, {Format: JSON}} {
		b.Run(fmt.Sprintf("%s,terminal=%t,timestamps=%t", o.Format, o.Terminal, o.Timestamps), func(b *testing.B) {
			p, err := New(io.Discard, o)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(line.Text)) + 1)
			for b.Loop() {
				if err := p.Print(line); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
