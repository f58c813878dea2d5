package logreader_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cri-logshim/cri-logshim/logmgr/logline"
	"github.com/cri-logshim/cri-logshim/logreader"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func app() logreader.Container {
	return logreader.Container{Pod: logreader.Pod{Namespace: "shop", Name: "web-0", UID: "u"}, Name: "app"}
}

// read reads what options choose, pieces of a line put together, each as "stream: text", and what is
// no record as "record: text".
func read(t *testing.T, src logreader.Source, o logreader.Options) (lines []string, warned []error) {
	t.Helper()
	o.Warn = func(err error) { warned = append(warned, err) }
	r := logreader.New(src, []logreader.Container{app()}, o)
	defer func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}()
	for {
		line, err := r.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return lines, warned
		}
		if err != nil {
			t.Fatal(err)
		}
		if line.Err != nil {
			warned = append(warned, line.Err)
		}
		text := cmp.Or(line.Stream.String(), "record") + ": " + string(line.Text)
		if line.More {
			text += "…"
		}
		lines = append(lines, text)
	}
}

var began = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

// randomHistory is one of some attempts and files, with lines of both streams in pieces, whose
// pieces other lines come between, also in other files.
func randomHistory(t *testing.T, random *rand.Rand) *memory {
	t.Helper()
	m := &memory{}
	now, number := began, 0
	json := random.IntN(2) == 0
	for attempt := range uint32(1 + random.IntN(3)) {
		open := map[string]bool{}
		for file := 1 + random.IntN(4); file > 0; file-- {
			var b bytes.Buffer
			for range random.IntN(40) {
				now = now.Add(time.Second)
				stream := []string{"stdout", "stdout", "stderr"}[random.IntN(3)]
				open[stream] = random.IntN(3) == 0
				number++
				switch tag := map[bool]string{true: "P", false: "F"}[open[stream]]; {
				case random.IntN(30) == 0:
					b.WriteString("garbage\n")
				case json:
					end := map[bool]string{true: "", false: `\n`}[open[stream]]
					fmt.Fprintf(&b, `{"log":"%d,%s","stream":%q,"time":%q}`+"\n", number, end, stream, now.Format(time.RFC3339Nano))
				default:
					fmt.Fprintf(&b, "%s %s %s %d,%s\n", now.Format(time.RFC3339Nano), stream, tag, number, strings.Repeat("x", random.IntN(300)))
				}
			}
			f := logreader.File{Attempt: attempt, LastWrite: now, Rotated: now}
			if file == 1 {
				f.Rotated = time.Time{}
			} else {
				f.Compression = []logreader.Compression{logreader.Plain, logreader.Gzip}[random.IntN(2)]
				b.WriteString([]string{"", "torn", " \x00", "\n\n  \n"}[random.IntN(4)])
			}
			content := b.Bytes()
			if f.Compression == logreader.Gzip {
				content = gzipped(t, content)
			}
			m.add(f, bytes.NewReader(content), int64(len(content)))
			now = now.Add(time.Second)
		}
	}
	return m
}

// isEndOf allows a line whose pieces are in several files to lack its beginning.
func isEndOf(got, want string) bool {
	text := got[len("stdout: "):]
	pieces := strings.Count(want, ",")
	return got == want || pieces > 1 && got[:6] == want[:6] && strings.HasSuffix(want, text)
}

// The last lines are the last of all lines, whichever way they are found.
func TestTailIsTheEndOfAll(t *testing.T) {
	for seed := range uint64(500) {
		random := rand.New(rand.NewPCG(seed, 1))
		m := randomHistory(t, random)
		o := logreader.Options{Tail: logreader.All, Stream: logline.Stream(random.IntN(3))}
		all, _ := read(t, m, o)
		// What has no end comes with the last lines, and is none of them.
		whole := func(lines []string) []string {
			return slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return strings.HasSuffix(line, "…") })
		}
		all = whole(all)
		for _, tail := range []int{1, 2, 5, random.IntN(len(all) + 2), len(all), len(all) + 1} {
			o.Tail = int64(tail)
			got, _ := read(t, m, o)
			if got, want := whole(got), all[max(len(all)-tail, 0):]; !slices.EqualFunc(got, want, isEndOf) {
				t.Fatalf("seed %d, stream %q: the last %d lines are\n%q, want\n%q", seed, o.Stream, tail, got, want)
			}
		}
	}
}

// A range of time is what the whole history has of it.
func TestRangeIsPartOfAll(t *testing.T) {
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 2))
		m := randomHistory(t, random)
		o := logreader.Options{Tail: logreader.All}
		all := timed(t, m, o)
		o.Since = began.Add(time.Duration(random.IntN(400)) * time.Second)
		o.Until = o.Since.Add(time.Duration(random.IntN(200)) * time.Second)
		want := slices.DeleteFunc(all, func(line timedLine) bool {
			return line.time.Before(o.Since) || line.time.After(o.Until)
		})
		if got := timed(t, m, o); !slices.Equal(got, want) {
			t.Fatalf("seed %d: of %v to %v there is\n%v, want\n%v", seed, o.Since, o.Until, got, want)
		}
	}
}

type timedLine struct {
	time time.Time
	text string
}

func timed(t *testing.T, src logreader.Source, o logreader.Options) (lines []timedLine) {
	t.Helper()
	r := logreader.New(src, []logreader.Container{app()}, o)
	defer func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}()
	for {
		line, err := r.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return lines
		}
		if err != nil {
			t.Fatal(err)
		}
		if line.Err == nil && !line.More && !line.Continued {
			lines = append(lines, timedLine{line.Time, string(line.Text)})
		}
	}
}

// largeHistory is of 10 GB, a file an hour.
func largeHistory() *memory {
	m := &memory{}
	const files, size = 100, 100 << 20 / endlessLine * endlessLine
	at := began
	for i := range files {
		f := logreader.File{}
		content := endless{began: at, size: size}
		at = at.Add(time.Hour)
		f.LastWrite = content.began.Add(size / endlessLine * time.Millisecond)
		if i < files-1 {
			f.Rotated = at
		}
		m.add(f, content, size)
	}
	return m
}

// Of 10 GB, no more is read than the end for the last lines, and than the range for one.
func TestReadsNoMoreThanNeeded(t *testing.T) {
	for name, test := range map[string]struct {
		o     logreader.Options
		lines int
		most  int64 // bytes
		opens int64
	}{
		"tail":             {logreader.Options{Tail: 10}, 10, 256 << 10, 2},
		"tail of a stream": {logreader.Options{Tail: 10, Stream: logline.Stdout}, 10, 256 << 10, 2},
		"range": {logreader.Options{
			Tail:  logreader.All,
			Since: began.Add(50*time.Hour + 10*time.Minute), Until: began.Add(50*time.Hour + 10*time.Minute + time.Second),
		}, 1001, 125_000*endlessLine + 2<<20, 2}, // and a minute on either side
		"tail of a range": {logreader.Options{
			Tail: 5, Since: began.Add(99 * time.Hour),
		}, 5, 256 << 10, 2},
	} {
		t.Run(name, func(t *testing.T) {
			m := largeHistory()
			lines, warned := read(t, m, test.o)
			if len(lines) != test.lines || len(warned) > 0 {
				t.Errorf("%d lines, want %d; warned of %v", len(lines), test.lines, warned)
			}
			if got := m.read.Load(); got > test.most {
				t.Errorf("read %d bytes, want at most %d", got, test.most)
			}
			if got := m.opens.Load(); got > test.opens {
				t.Errorf("opened files %d times, want at most %d", got, test.opens)
			}
		})
	}
}

// A hole, a line of many megabytes, and a file that is damaged in its middle hold nothing up.
func TestOddFiles(t *testing.T) {
	m := &memory{}
	line := func(text string) []byte { return []byte(began.Format(time.RFC3339Nano) + " stdout F " + text + "\n") }
	huge := line(strings.Repeat("x", 20<<20))
	m.add(logreader.File{Rotated: began}, bytes.NewReader(huge), int64(len(huge)))
	damaged := gzipped(t, bytes.Repeat(line("a"), 100_000))
	damaged[len(damaged)/2] ^= 0xff
	m.add(logreader.File{Rotated: began.Add(1), Compression: logreader.Gzip}, bytes.NewReader(damaged), int64(len(damaged)))
	hole := append(make([]byte, 5<<20), line("behind a hole")...)
	m.add(logreader.File{Rotated: began.Add(2)}, bytes.NewReader(hole), int64(len(hole)))
	m.add(logreader.File{}, bytes.NewReader(huge), int64(len(huge)))
	all, warned := read(t, m, logreader.Options{Tail: logreader.All})
	if len(warned) == 0 {
		t.Error("nobody was told of the damage")
	}
	if i := slices.Index(all, "stdout: behind a hole"); i < 0 {
		t.Error("the line behind the hole is missing")
	}
	length := 0
	for _, piece := range all {
		if strings.HasPrefix(piece, "stdout: x") {
			length += strings.Count(piece, "x")
		}
	}
	if length != 2*20<<20 {
		t.Errorf("of the lines of 20 MiB there are %d bytes", length)
	}
	last, _ := read(t, m, logreader.Options{Tail: 2})
	if !strings.HasPrefix(last[0], "stdout: behind a hole") || len(last) < 2 {
		t.Errorf("the last two lines begin with %.30q", last[0])
	}
}

// A file that may not be read, wherever it is in the history, is told of once and passed over,
// however much of the history is asked for.
func TestFileThatMayNotBeRead(t *testing.T) {
	for _, compression := range []logreader.Compression{logreader.Plain, logreader.Gzip} {
		for refused := range 3 {
			m := &memory{}
			for i := range 3 {
				at := began.Add(time.Duration(i) * time.Second)
				text := fmt.Appendf(nil, "%s stdout F %d\n", at.Format(time.RFC3339Nano), i)
				f := logreader.File{LastWrite: at, Compression: compression}
				if i < 2 {
					f.Rotated = at
				} else {
					f.Compression = logreader.Plain
				}
				if f.Compression == logreader.Gzip {
					text = gzipped(t, text)
				}
				m.add(f, bytes.NewReader(text), int64(len(text)))
			}
			m.files[refused].refusal = fs.ErrPermission
			want := slices.Delete([]string{"stdout: 0", "stdout: 1", "stdout: 2"}, refused, refused+1)
			for name, o := range map[string]logreader.Options{
				"all": {Tail: logreader.All}, "tail": {Tail: 2}, "since": {Tail: logreader.All, Since: began}, "tail of a range": {Tail: 2, Since: began},
			} {
				got, warned := read(t, m, o)
				if !slices.Equal(got, want) || len(warned) != 1 || !errors.Is(warned[0], fs.ErrPermission) {
					t.Errorf("%s, file %d of kind %q refused: read %q, want %q; warned of %v", name, refused, compression, got, want, warned)
				}
			}
		}
	}
}

// What is no record is shown where the line before it is in the range of time that is asked for.
func TestGarbageHasTheTimeBeforeIt(t *testing.T) {
	var text bytes.Buffer
	text.WriteString("garbage before all\n")
	for i := range 4 {
		fmt.Fprintf(&text, "%s stdout F %d\ngarbage after %d\n", began.Add(time.Duration(i)*time.Second).Format(time.RFC3339Nano), i, i)
	}
	m := &memory{}
	m.add(logreader.File{}, bytes.NewReader(text.Bytes()), int64(text.Len()))
	for want, o := range map[string]logreader.Options{
		"garbage before all|0|garbage after 0|1|garbage after 1": {Until: began.Add(time.Second)},
		"1|garbage after 1|2|garbage after 2":                    {Since: began.Add(time.Second), Until: began.Add(2 * time.Second)},
		"3|garbage after 3":                                      {Since: began.Add(3 * time.Second)},
		"garbage before all|0|garbage after 0|1|garbage after 1|2|garbage after 2|3|garbage after 3": {},
		"garbage before all|garbage after 0|garbage after 1|garbage after 2|garbage after 3":         {Stream: logline.Stderr},
	} {
		o.Tail = logreader.All
		var got []string
		r := logreader.New(m, []logreader.Container{app()}, o)
		line, err := r.Next(t.Context())
		for ; err == nil; line, err = r.Next(t.Context()) {
			got = append(got, string(line.Text))
		}
		if !errors.Is(err, io.EOF) || strings.Join(got, "|") != want {
			t.Errorf("%v to %v: %q, want %q: %v", o.Since, o.Until, strings.Join(got, "|"), want, err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Who asks no longer is given nothing more, however much of the file is left, and whether or not any
// line of that would be shown.
func TestCancelledAmidAFile(t *testing.T) {
	text := bytes.Repeat([]byte("2026-01-31T12:00:00Z stdout F said\n"), 1<<18)
	for _, stream := range []logline.Stream{logline.Stdout, logline.Stderr} {
		ctx, cancel := context.WithCancelCause(t.Context())
		gone := errors.New("gone")
		m := &memory{}
		m.add(logreader.File{}, cancelling{bytes.NewReader(text), func() { cancel(gone) }}, int64(len(text)))
		r := logreader.New(m, []logreader.Container{app()}, logreader.Options{Tail: -1, Stream: stream})
		err := error(nil)
		for err == nil {
			_, err = r.Next(ctx)
		}
		if read := m.read.Load(); !errors.Is(err, gone) || read > 1<<20 {
			t.Errorf("%v: ended with %v after %d bytes", stream, err, read)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

// cancelling has somebody give up as soon as it is read.
type cancelling struct {
	io.ReaderAt
	cancel func()
}

func (c cancelling) ReadAt(p []byte, at int64) (int, error) {
	c.cancel()
	return c.ReaderAt.ReadAt(p, at)
}
