// Package logprint shows the lines that a logreader gives: as text, as JSON or byte for byte, all
// of them or those in which something is found. Pieces of a line come out as one line, in
// bounded memory however long the line is.
//
// The text of logs is untrusted. On a terminal nothing of it is acted upon; elsewhere it is
// written as it is, but for what JSON cannot hold.
//
// The package knows nothing of where lines come from.
package logprint

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"io/fs"

	"github.com/cri-logshim/cri-logshim/logreader"
	"github.com/cri-logshim/cri-logshim/terminal"
)

// Format is what a line is shown as.
type Format string

// The formats.
const (
	// Text is the text of a line, with its time and its container before it if wanted.
	Text Format = "text"
	// JSON is an object for each line. Its text is "log": what is no UTF-8 in it is replaced by
	// U+FFFD, byte for byte, and how many bytes were is told by "invalidBytes". "partial" means
	// that the end of the line is missing in the object, "continued" that its beginning is,
	// "context" that the line is shown for its neighbour's sake. An object without "time" and
	// "stream" is a part of the log that is none of the runtime's records; "error" says why, and
	// "torn" that it was cut off.
	JSON Format = "json"
	// Raw is the text of a line, byte for byte, and a newline where the container has written
	// one. What a terminal acts on is made harmless there as in the other formats.
	Raw Format = "raw"
)

// outBuffer is what is written at once.
const outBuffer = 64 << 10

// Options are how lines are shown, and which.
type Options struct {
	// Format is Text if it is empty.
	Format Format
	// Timestamps puts its time before each line, in UTC and to the nanosecond; "-" stands for
	// that of what is no record of the runtime.
	Timestamps bool
	// Prefix puts [pod/<pod>/<container>] before each line.
	Prefix bool
	// Terminal is whether the output is a terminal, so that it gets nothing that it acts on.
	Terminal bool
	// Color gives the prefix of each container a colour of its own, and marks what is found.
	Color bool
	// TextColors lets colours that are in the text through to a terminal, up to the line's end.
	TextColors bool
	// Search is nil for all lines.
	Search *Search
	// Progress tells how much is read while nothing is shown; nil: nobody does. It is not used
	// where the output is a pipe, behind which may be a program that draws on the same terminal.
	Progress *terminal.Progress
}

// Printer shows lines, one after the other. It is for one goroutine.
type Printer struct {
	out    *bufio.Writer
	joiner *joiner
	finder *finder // nil: every line is shown

	told     bool               // whether the output has failed
	prompt   bool               // whether what is found is shown at once
	progress *terminal.Progress // may be nil
}

// New returns a Printer that writes to w. Whoever uses it closes it.
func New(w io.Writer, o Options) (*Printer, error) {
	o.Format = cmp.Or(o.Format, Text)
	if !isSeen(w) {
		o.Progress = nil
	}
	out := bufio.NewWriterSize(o.Progress.Around(w), outBuffer)
	form, err := newForm(out, o)
	if err != nil {
		return nil, err
	}
	p := &Printer{out: out, joiner: &joiner{form: form}, prompt: o.Terminal, progress: o.Progress}
	if o.Search != nil {
		p.finder = newFinder(*o.Search, o.Color && o.Format == Text, p.joiner.put)
	}
	return p, nil
}

// isSeen tells whether an output is a terminal or a file.
func isSeen(w io.Writer) bool {
	if terminal.Is(w) {
		return true
	}
	file, ok := w.(interface{ Stat() (fs.FileInfo, error) })
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode().IsRegular()
}

// newForm returns what writes lines in the format that is asked for.
func newForm(out *bufio.Writer, o Options) (form, error) {
	switch o.Format {
	case Text:
		return &textForm{out: out, o: o, end: true, prefixes: newPrefixes(o.Color)}, nil
	case Raw:
		o.Timestamps, o.Prefix = false, false
		return &textForm{out: out, o: o}, nil
	case JSON:
		return &jsonForm{out: out}, nil
	default:
		return nil, fmt.Errorf("output %q: must be text, json or raw", o.Format)
	}
}

// Print shows a line or a piece of one, of which it keeps nothing that is the caller's but the
// Origin. Lines of several containers and streams may come in any order; a line of which there
// are more pieces to come holds up others, for a few megabytes or until Flush, and is then cut.
// An error is that of the output.
func (p *Printer) Print(line logreader.Line) error {
	if p.progress != nil && !p.joiner.open { // an open line may be on the screen already
		p.progress.Read(len(line.Text))
	}
	if p.finder == nil {
		return p.tell(p.joiner.put(shown{Line: line}))
	}
	if err := p.finder.take(line); err != nil || !p.prompt || p.out.Buffered() == 0 {
		return p.tell(err)
	}
	return p.tell(p.out.Flush()) // what is found next may be far
}

// tell remembers that an error was told.
func (p *Printer) tell(err error) error {
	p.told = p.told || err != nil
	return err
}

// Flush writes everything that is shown so far. It is called before there is a pause, as at the
// end of a log that is followed.
func (p *Printer) Flush() error {
	p.progress.Pause()
	if err := p.joiner.release(); err != nil {
		return p.tell(err)
	}
	return p.tell(p.out.Flush())
}

// Close shows what has no end yet, and writes everything. It does not close the output, and of an
// output that has failed before it says nothing again.
func (p *Printer) Close() error {
	p.progress.Pause()
	if p.told {
		return nil
	}
	if p.finder != nil {
		if err := p.finder.end(); err != nil {
			return err
		}
	}
	if err := p.joiner.end(); err != nil {
		return err
	}
	return p.out.Flush()
}
