package logprint

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/cri-logshim/cri-logshim/logmgr/logline"
	"github.com/cri-logshim/cri-logshim/logreader"
)

// However the pieces of several streams come among one another, and whenever there is a pause:
// of each stream every line comes out once, in its order, and whole, if the marks are followed.
// A search that finds every line changes nothing.
func TestInterleavedPieces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type stream struct {
			origin *logreader.Origin
			stream logline.Stream
		}
		all := []stream{{web, logline.Stdout}, {web, logline.Stderr}, {side, logline.Stdout}}
		left := map[stream][]logreader.Line{}
		want := map[stream][]string{}
		for _, s := range all {
			for n := range rapid.IntRange(0, 4).Draw(t, "lines") {
				text := fmt.Sprintf("%s %s %d", s.origin.Container, s.stream, n)
				want[s] = append(want[s], text)
				for _, cut := range rapid.SliceOfN(rapid.IntRange(0, len(text)), 0, 3).Draw(t, "cuts") {
					text = text[:min(cut, len(text))] + "|" + text[min(cut, len(text)):]
				}
				for _, piece := range piecesOf(s.origin, text) {
					piece.Stream = s.stream
					left[s] = append(left[s], piece)
				}
			}
		}
		o := Options{Format: JSON}
		if rapid.Bool().Draw(t, "search") {
			every, err := Compile("", false)
			if err != nil {
				t.Fatal(err)
			}
			o.Search = &Search{Patterns: []Pattern{every}, Context: &Context{}}
		}
		var out bytes.Buffer
		p, err := New(&out, o)
		if err != nil {
			t.Fatal(err)
		}
		for {
			waiting := slices.DeleteFunc(slices.Clone(all), func(s stream) bool { return len(left[s]) == 0 })
			if len(waiting) == 0 {
				break
			}
			s := rapid.SampledFrom(waiting).Draw(t, "stream")
			if err := p.Print(left[s][0]); err != nil {
				t.Fatal(err)
			}
			left[s] = left[s][1:]
			if rapid.IntRange(0, 9).Draw(t, "pause") == 0 {
				if err := p.Flush(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}

		got := map[stream][]string{}
		partial := map[stream]bool{}
		for line := range strings.Lines(out.String()) {
			var object struct {
				Container, Stream, Log string
				Partial, Continued     bool
			}
			if err := json.Unmarshal([]byte(line), &object); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			s := all[slices.IndexFunc(all, func(s stream) bool {
				return s.origin.Container == object.Container && s.stream.String() == object.Stream
			})]
			if object.Continued != partial[s] {
				t.Fatalf("%s goes on: %t, want %t, in\n%s", line, object.Continued, partial[s], &out)
			}
			if object.Continued {
				got[s][len(got[s])-1] += object.Log
			} else {
				got[s] = append(got[s], object.Log)
			}
			partial[s] = object.Partial
		}
		for _, s := range all {
			if !slices.Equal(got[s], want[s]) || partial[s] {
				t.Fatalf("%s %s: %q, want %q, in\n%s", s.origin.Container, s.stream, got[s], want[s], &out)
			}
		}
	})
}
