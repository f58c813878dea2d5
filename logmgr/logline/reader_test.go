package logline

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// dockerRecord is a record as Docker writes it.
func dockerRecord(s Stream, log string) []byte {
	b, err := json.Marshal(struct {
		Log    string    `json:"log,omitempty"`
		Stream string    `json:"stream,omitempty"`
		Time   time.Time `json:"time"`
	}{log, s.String(), stamped})
	if err != nil {
		panic(err)
	}
	return append(b, '\n')
}

// criRecord is a record as containerd writes it.
func criRecord(s Stream, partial bool, text string) []byte {
	tag := "F"
	if partial {
		tag = "P"
	}
	return fmt.Appendf(nil, "%s %s %s %s\n", stamp, s, tag, text)
}

// said is a line of a container.
type said struct {
	Stream Stream
	Text   string
}

// output makes up what a container says, and how a runtime writes it: each line in one
// or more records, with those of the other stream between.
func output(random *rand.Rand, docker bool) (lines []said, records [][]byte) {
	alphabet := []string{"a", "bc ", "{\"log\":\"x\\n\"}", "\\", "\r", "\x00", "ä", "😀", "\u2028", "<&>", "\t", stamp + " stdout F x"}
	if !docker {
		alphabet = append(alphabet, "\xff", "\xc3")
	}
	open := [streams]*said{}
	for range random.IntN(60) {
		stream := Stdout + Stream(random.IntN(2))
		var text strings.Builder
		for range random.IntN(8) {
			text.WriteString(strings.Repeat(alphabet[random.IntN(len(alphabet))], 1+random.IntN(9)))
			if random.IntN(50) == 0 {
				text.WriteString(strings.Repeat("long", random.IntN(2000)))
			}
		}
		if open[stream] == nil {
			open[stream] = &said{Stream: stream}
		}
		line, partial := open[stream], random.IntN(3) == 0
		line.Text += text.String()
		if !partial {
			lines, open[stream] = append(lines, *line), nil
		}
		switch {
		case !docker:
			records = append(records, criRecord(stream, partial, text.String()))
		case partial:
			records = append(records, dockerRecord(stream, text.String()))
		default:
			records = append(records, dockerRecord(stream, text.String()+"\n"))
		}
	}
	for _, line := range open {
		if line != nil && line.Text != "" {
			lines = append(lines, *line) // Rest has it
		}
	}
	return lines, records
}

// writer is a file that is being written: a read gets what is there so far, or nothing.
type writer struct {
	rest   []byte
	random *rand.Rand
	most   int
}

func (w *writer) Read(p []byte) (int, error) {
	n := min(len(p), len(w.rest), w.random.IntN(w.most+1))
	if n == 0 {
		return 0, io.EOF
	}
	copy(p, w.rest[:n])
	w.rest = w.rest[n:]
	return n, nil
}

// collect puts the pieces of lines together again.
type collect struct {
	t     *testing.T
	limit int
	lines []said
	open  [streams]*said
}

func (c *collect) add(l Line) {
	c.t.Helper()
	switch {
	case l.Err != nil:
		c.t.Fatalf("%v: %.200q", l.Err, l.Text)
	case !l.Time.Equal(stamped):
		c.t.Fatalf("time %v", l.Time)
	case len(l.Text) > 2*c.limit:
		c.t.Fatalf("a piece of %d bytes, the limit is %d", len(l.Text), c.limit)
	case l.Continued != (c.open[l.Stream] != nil):
		c.t.Fatalf("continued: %t, piece before it: %+v", l.Continued, c.open[l.Stream])
	case !l.Continued:
		c.open[l.Stream] = &said{Stream: l.Stream}
	}
	c.open[l.Stream].Text += string(l.Text)
	if !l.More {
		c.lines, c.open[l.Stream] = append(c.lines, *c.open[l.Stream]), nil
	}
}

func (c *collect) end(r *Reader) {
	for line, ok := r.Rest(); ok; line, ok = r.Rest() {
		c.add(line)
	}
	for _, line := range c.open {
		if line != nil {
			c.lines = append(c.lines, *line)
		}
	}
}

// However a log's bytes arrive, in whatever pieces the runtime has written a line, and in
// whichever files: its lines are the same.
func TestReaderGivesEveryLine(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 0))
		docker := seed%2 == 0
		want, records := output(random, docker)
		limit := []int{leastLimit, 3000, DefaultLimit}[random.IntN(3)]
		if docker {
			limit = DefaultLimit // a longer record is garbage
		}
		got := &collect{t: t, limit: limit}
		var r *Reader
		for more := true; more; {
			var file []byte
			for n := random.IntN(len(records) + 1); n > 0; n-- {
				if random.IntN(5) == 0 {
					file = append(file, strings.Repeat(" ", random.IntN(30))+strings.Repeat("\x00", random.IntN(30))...)
				}
				file, records = append(file, records[0]...), records[1:]
			}
			more = len(records) > 0
			src := &writer{rest: file, random: random, most: []int{1, 7, 1000, 1 << 20}[random.IntN(4)]}
			if r == nil {
				r = NewReader(src, limit)
			} else {
				r.Continue(src)
			}
			for {
				line, err := r.Next()
				if errors.Is(err, io.EOF) && len(src.rest) == 0 {
					break
				}
				if err == nil {
					got.add(line)
				} else if !errors.Is(err, io.EOF) {
					t.Fatal(err)
				}
			}
		}
		got.end(r)
		// A line of each stream may be left open: their order is not told.
		if diff := cmp.Diff(byStream(want), byStream(got.lines)); diff != "" {
			t.Fatalf("seed %d: other lines (- want, + got):\n%.2000s", seed, diff)
		}
	}
}

func byStream(lines []said) map[Stream][]string {
	all := map[Stream][]string{}
	for _, l := range lines {
		all[l.Stream] = append(all[l.Stream], l.Text)
	}
	return all
}

// describe is a line as one string.
func describe(l Line) string {
	kind := l.Stream.String()
	if errors.Is(l.Err, ErrTorn) {
		kind = "torn"
	} else if l.Err != nil {
		kind = "garbage"
	}
	if l.Continued {
		kind = "…" + kind
	}
	if l.More {
		kind += "…"
	}
	return kind + " " + string(l.Text)
}

// all reads a log of several files to its end.
func all(t *testing.T, limit int, files ...string) (lines []string, r *Reader) {
	t.Helper()
	note := func(l Line) { lines = append(lines, describe(l)) }
	for i, file := range files {
		if i == 0 {
			r = NewReader(strings.NewReader(file), limit)
		} else {
			r.Continue(strings.NewReader(file))
		}
		for line, err := r.Next(); !errors.Is(err, io.EOF); line, err = r.Next() {
			if err != nil {
				t.Fatal(err)
			}
			note(line)
		}
	}
	for line, ok := r.Rest(); ok; line, ok = r.Rest() {
		note(line)
	}
	return lines, r
}

func TestReaderDropsNothing(t *testing.T) {
	full := func(text string) string { return string(criRecord(Stdout, false, text)) }
	part := func(text string) string { return string(criRecord(Stdout, true, text)) }
	json := func(log string) string { return string(dockerRecord(Stderr, log)) }
	kilo := strings.Repeat("k", leastLimit)
	for name, test := range map[string]struct {
		files  []string
		want   []string
		passed int64
	}{
		"nothing":                 {files: []string{""}},
		"both formats":            {files: []string{full("a") + json("b\n")}, want: []string{"stdout a", "stderr b"}},
		"garbage between":         {files: []string{full("a") + "what?\n" + full("b")}, want: []string{"stdout a", "garbage what?", "stdout b"}},
		"garbage between pieces":  {files: []string{part("a") + "what?\n" + full("b")}, want: []string{"garbage what?", "stdout ab"}},
		"empty lines":             {files: []string{"\n\n" + full("") + "  \n"}, want: []string{"stdout "}, passed: 2},
		"a blanked beginning":     {files: []string{strings.Repeat(" ", 3*leastLimit) + json("a\n")}, want: []string{"stderr a"}, passed: 3 * leastLimit},
		"NULs after a crash":      {files: []string{full("a") + strings.Repeat("\x00", 5000), full("b")}, want: []string{"stdout a", "stdout b"}, passed: 5000},
		"torn at the end":         {files: []string{full("a") + stamp + " stdout F b"}, want: []string{"stdout a", "torn " + stamp + " stdout F b"}},
		"torn between files":      {files: []string{stamp + " stdo", full("a")}, want: []string{"torn " + stamp + " stdo", "stdout a"}},
		"no end of a line":        {files: []string{part("a") + json("b")}, want: []string{"stdout… a", "stderr… b"}},
		"a line over three files": {files: []string{part("a"), json("x\n") + part("b"), full("c")}, want: []string{"stderr x", "stdout abc"}},
		"a file without records":  {files: []string{part("a"), "", full("c")}, want: []string{"stdout ac"}},
		"a long line":             {files: []string{full(kilo + "x" + kilo + "y" + kilo)}, want: []string{"stdout… ", "…stdout… ", "…stdout "}},
		"a long line in pieces":   {files: []string{part(kilo) + json("b\n") + part(kilo) + full("c")}, want: []string{"stdout… ", "stderr b", "…stdout… ", "…stdout c"}},
		"long garbage":            {files: []string{kilo + kilo + "\n" + full("a")}, want: []string{"garbage… " + kilo, "…garbage… " + kilo, "…garbage ", "stdout a"}},
		"long JSON":               {files: []string{json(kilo+"\n") + full("a")}, want: []string{"garbage… ", "…garbage ", "stdout a"}},
		"long and torn":           {files: []string{stamp + " stdout F " + kilo + "x", full("a")}, want: []string{"torn ", "stdout "}},
	} {
		t.Run(name, func(t *testing.T) {
			got, r := all(t, leastLimit, test.files...)
			for i, want := range test.want {
				if i < len(got) && strings.HasSuffix(want, " ") { // of the text the length is enough
					got[i] = got[i][:min(len(got[i]), len(want))]
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" || r.Passed() != test.passed {
				t.Errorf("%d bytes passed over, want %d; lines (- want, + got):\n%s", r.Passed(), test.passed, diff)
			}
		})
	}
}

// A source's error is told, and reading goes on where it can.
func TestReaderErrors(t *testing.T) {
	broken := errors.New("broken")
	r := NewReader(io.MultiReader(bytes.NewReader(criRecord(Stdout, false, "a")), failing{broken}), 0)
	if line, err := r.Next(); err != nil || string(line.Text) != "a" {
		t.Fatalf("%+v, %v", line, err)
	}
	if _, err := r.Next(); !errors.Is(err, broken) {
		t.Fatalf("error %v", err)
	}
	r.Continue(failing{nil})
	if _, err := r.Next(); !errors.Is(err, io.ErrNoProgress) {
		t.Fatalf("error %v of a source that gives nothing", err)
	}
	r.Continue(bytes.NewReader(criRecord(Stderr, false, "b")))
	if line, err := r.Next(); err != nil || string(line.Text) != "b" {
		t.Fatalf("%+v, %v", line, err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// A log of whatever bytes is read the same however they arrive, and no byte of garbage is
// lost or doubled.
func FuzzReader(f *testing.F) {
	f.Add([]byte(string(criRecord(Stdout, true, "a"))+"what?\n"+string(dockerRecord(Stdout, "b\n"))+"  \x00"+stamp), uint64(1))
	f.Add(bytes.Repeat([]byte("x\n{"), 1000), uint64(2))
	f.Fuzz(func(t *testing.T, log []byte, seed uint64) {
		whole, _ := all(t, leastLimit, string(log))
		random := rand.New(rand.NewPCG(seed, 1))
		src := &writer{rest: bytes.Clone(log), random: random, most: 1 + random.IntN(2000)}
		r := NewReader(src, leastLimit)
		var lines []string
		size := 0
		note := func(l Line) {
			size += len(l.Text)
			lines = append(lines, describe(l))
		}
		for {
			line, err := r.Next()
			if err == nil {
				note(line)
			} else if len(src.rest) == 0 {
				break
			}
		}
		for line, ok := r.Rest(); ok; line, ok = r.Rest() {
			note(line)
		}
		if diff := cmp.Diff(whole, lines); diff != "" {
			t.Fatalf("other lines (- at once, + in pieces):\n%s", diff)
		}
		if size > len(log) {
			t.Fatalf("%d bytes of text out of %d", size, len(log))
		}
	})
}
