package logprint

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr/logline"
	"github.com/cri-logshim/cri-logshim/logreader"
)

var (
	when = time.Date(2016, 10, 6, 0, 17, 9, 669794202, time.UTC)
	web  = &logreader.Origin{Namespace: "shop", Pod: "web-0", PodUID: "u1", Container: "app", Attempt: 2}
	side = &logreader.Origin{Namespace: "shop", Pod: "web-0", PodUID: "u1", Container: "side"}
)

func lineOf(origin *logreader.Origin, text string) logreader.Line {
	return logreader.Line{Line: logline.Line{Time: when, Stream: logline.Stdout, Text: []byte(text)}, Origin: origin}
}

// piecesOf are the pieces of a line, cut before each |.
func piecesOf(origin *logreader.Origin, text string) []logreader.Line {
	var lines []logreader.Line
	pieces := strings.Split(text, "|")
	for n, piece := range pieces {
		line := lineOf(origin, piece)
		line.Continued, line.More = n > 0, n < len(pieces)-1
		lines = append(lines, line)
	}
	return lines
}

// printed is what a Printer makes of lines. Their texts are overwritten after each call, as a
// Reader does.
func printed(t *testing.T, o Options, lines ...logreader.Line) string {
	t.Helper()
	var out bytes.Buffer
	p, err := New(&out, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		line.Text = bytes.Clone(line.Text)
		if err := p.Print(line); err != nil {
			t.Fatal(err)
		}
		for n := range line.Text {
			line.Text[n] = '#'
		}
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestFormats(t *testing.T) {
	torn := logreader.Line{Line: logline.Line{Text: []byte("2016-10-06T00"), Err: logline.ErrTorn}, Origin: web}
	stderr := lineOf(side, "a \"b\"\t\\\x00\x7f")
	stderr.Stream, stderr.Time = logline.Stderr, when.In(time.FixedZone("", 3600)).Truncate(time.Second)
	lines := []logreader.Line{lineOf(web, "one \xff\x1b[1m"), stderr, torn, lineOf(nil, "")}
	for name, c := range map[string]struct {
		o    Options
		want string
	}{
		"text": {Options{}, "one \xff\x1b[1m\na \"b\"\t\\\x00\x7f\n2016-10-06T00\n\n"},
		"raw":  {Options{Format: Raw}, "one \xff\x1b[1m\na \"b\"\t\\\x00\x7f\n2016-10-06T00\n\n"},
		"timestamps and prefix": {
			Options{Format: Text, Timestamps: true, Prefix: true},
			"[pod/web-0/app] 2016-10-06T00:17:09.669794202Z one \xff\x1b[1m\n[pod/web-0/side] 2016-10-06T00:17:09Z a \"b\"\t\\\x00\x7f\n" +
				"[pod/web-0/app] - 2016-10-06T00\n2016-10-06T00:17:09.669794202Z \n",
		},
		"a terminal": {
			Options{Terminal: true, Prefix: true, Color: true, TextColors: true},
			"\x1b[36m[pod/web-0/app]\x1b[0m one <FF>\x1b[1m\x1b[0m\n\x1b[33m[pod/web-0/side]\x1b[0m a \"b\"\t\\^@^?\n\x1b[36m[pod/web-0/app]\x1b[0m 2016-10-06T00\n\n",
		},
		"raw on a terminal": {Options{Format: Raw, Terminal: true}, "one <FF>^[[1m\na \"b\"\t\\^@^?\n2016-10-06T00\n\n"},
		"json": {
			Options{Format: JSON, Color: true, Terminal: true},
			`{"time":"2016-10-06T00:17:09.669794202Z","stream":"stdout","namespace":"shop","pod":"web-0","podUID":"u1","container":"app","attempt":2,"log":"one \ufffd\u001b[1m","invalidBytes":1}
{"time":"2016-10-06T00:17:09Z","stream":"stderr","namespace":"shop","pod":"web-0","podUID":"u1","container":"side","attempt":0,"log":"a \"b\"\t\\\u0000\u007f"}
{"namespace":"shop","pod":"web-0","podUID":"u1","container":"app","attempt":2,"log":"2016-10-06T00","torn":true,"error":"no record of a container's log: it has no end"}
{"time":"2016-10-06T00:17:09.669794202Z","stream":"stdout","log":""}
`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := printed(t, c.o, lines...); got != c.want {
				t.Errorf("is shown as\n%q, want\n%q", got, c.want)
			}
		})
	}
	if _, err := New(io.Discard, Options{Format: "yaml"}); err == nil {
		t.Error("any format is taken")
	}
}

// Names of folders can do no more than texts can, also where text passes as it is.
func TestPrefixIsHarmless(t *testing.T) {
	evil := &logreader.Origin{Pod: "a\x1b[2J\nb", Container: "\u202ec"}
	if got, want := printed(t, Options{Prefix: true}, lineOf(evil, "x")), "[pod/a^[[2J^Jb/<U+202E>c] x\n"; got != want {
		t.Errorf("is shown as %q, want %q", got, want)
	}
}

// The pieces of a line come out as one line, and no line within another, whatever comes between.
func TestPiecesBecomeOneLine(t *testing.T) {
	long, other := piecesOf(web, "one |two |three"), piecesOf(side, "four |five")
	stderr := lineOf(web, "six")
	stderr.Stream = logline.Stderr
	lines := []logreader.Line{long[0], other[0], stderr, long[1], other[1], lineOf(side, "seven"), long[2], lineOf(web, "eight")}
	want := "one two three\nfour five\nsix\nseven\neight\n"
	for _, o := range []Options{{}, {Format: Raw}, {Terminal: true}} {
		if got := printed(t, o, lines...); got != want {
			t.Errorf("%+v: %q, want %q", o, got, want)
		}
	}
}

// A line without an end in the log gets one in text, and none that the container did not write
// in raw; the next line of its stream is a line of its own.
func TestLineWithoutEnd(t *testing.T) {
	lines := append(piecesOf(web, "begun|")[:1], lineOf(web, "next"), piecesOf(web, "last|")[0])
	for format, want := range map[Format]string{Text: "begun\nnext\nlast\n", Raw: "begunnext\nlast"} {
		if got := printed(t, Options{Format: format}, lines...); got != want {
			t.Errorf("%s: %q, want %q", format, got, want)
		}
	}
	got := printed(t, Options{Format: JSON}, lines...)
	if strings.Count(got, `"partial":true}`) != 2 || strings.Count(got, "\n") != 3 || strings.Contains(got, "continued") {
		t.Errorf("no marks for what has no end: %s", got)
	}
}

// What waits for a line's end is shown before a pause, and the line goes on as one of its own.
func TestFlushHoldsNothingBack(t *testing.T) {
	var out bytes.Buffer
	p, err := New(&out, Options{Format: JSON})
	if err != nil {
		t.Fatal(err)
	}
	long := piecesOf(web, "begin|end")
	for _, line := range []logreader.Line{long[0], lineOf(side, "waits")} {
		if err := p.Print(line); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Flush(); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.Contains(got, `"begin","partial":true}`) || !strings.Contains(got, `"waits"}`) {
		t.Fatalf("after Flush there is %s", got)
	}
	out.Reset()
	if err := p.Print(long[1]); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.HasSuffix(got, `"log":"end","continued":true}`+"\n") {
		t.Errorf("the line goes on as %s", got)
	}
}

// A line that is cut since others wait is told to be, and nothing of it is lost.
func TestCutLineIsMarked(t *testing.T) {
	var lines []logreader.Line
	long := piecesOf(web, "begin|end")
	lines = append(lines, long[0])
	for range 5 {
		lines = append(lines, lineOf(side, strings.Repeat("x", 1<<20)))
	}
	lines = append(lines, long[1])
	got := strings.Split(strings.TrimSpace(printed(t, Options{Format: JSON}, lines...)), "\n")
	if len(got) != 7 || !strings.Contains(got[0], `"log":"begin","partial":true}`) || !strings.Contains(got[6], `"log":"end","continued":true}`) {
		t.Errorf("%d objects, the first %.200s, the last %.200s", len(got), got[0], got[len(got)-1])
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space") }

// An output that cannot be written to ends the printing, at once where much is printed, and is
// told of once.
func TestOutputFails(t *testing.T) {
	for _, o := range []Options{{}, {Format: JSON}, {Terminal: true}} {
		p, err := New(fullDisk{}, o)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Print(lineOf(web, strings.Repeat("x", 2*outBuffer))); err == nil {
			t.Errorf("%+v: Print says nothing", o)
		}
		if err := p.Close(); err != nil {
			t.Errorf("%+v: Close says once more: %v", o, err)
		}
		if p, err = New(fullDisk{}, o); err != nil {
			t.Fatal(err)
		}
		if err := p.Print(lineOf(web, "x")); err != nil {
			t.Fatal(err)
		}
		if err := p.Close(); err == nil {
			t.Errorf("%+v: Close says nothing", o)
		}
	}
}

// Every field that an object may have is in the manual.
func TestManualTellsFields(t *testing.T) {
	manual, err := os.ReadFile("../../docs/reading-logs.md")
	if err != nil {
		t.Fatal(err)
	}
	torn := logreader.Line{Line: logline.Line{Text: []byte("x"), Err: logline.ErrTorn}, Origin: web}
	long := piecesOf(web, "\xff|y")
	out := printed(t, optionsOf(t, "-o=json", "--grep=x", "-C2"), torn, long[1], long[0])
	fields := map[string]any{}
	for line := range strings.Lines(out) {
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatal(err)
		}
	}
	if len(fields) != 14 {
		t.Errorf("%d fields were seen, not all: %v", len(fields), fields)
	}
	for field := range fields {
		if !strings.Contains(string(manual), "`"+field+"`") {
			t.Errorf("docs/reading-logs.md does not tell of %s", field)
		}
	}
}
