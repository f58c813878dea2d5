package terminal

import (
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	// progressAfter is how long nothing has to be seen before it is told how far a work is,
	// and progressEvery how often it is told then.
	progressAfter = time.Second
	progressEvery = 250 * time.Millisecond
	// eraseLine goes back to the beginning of the line and erases it.
	eraseLine = "\r\x1b[K"
)

// Progress tells in one line of a terminal, which it erases again, how much was read while
// nothing else is to be seen there. A nil *Progress tells nothing.
type Progress struct {
	w   io.Writer
	now func() time.Time

	mu    sync.Mutex
	due   time.Time // zero: nothing was read yet
	shown bool
	// lines and bytes were read so far, since those of them when the time was looked at last.
	lines, bytes, since int64
}

// NewProgress returns what tells of progress on stderr, and nil if that is no terminal, or one
// that cannot erase a line.
func NewProgress(stderr io.Writer, getenv func(string) string, now func() time.Time) *Progress {
	if !Is(stderr) || getenv("TERM") == "dumb" {
		return nil
	}
	return &Progress{w: stderr, now: now}
}

// Read says that a line of n bytes was read.
func (p *Progress) Read(n int) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines++
	p.bytes += int64(n)
	const between = 256 << 10 // looking at the time after each line would cost more than the line
	if p.since += int64(n) + 256; p.since < between && !p.due.IsZero() {
		return
	}
	p.since = 0
	switch now := p.now(); {
	case p.due.IsZero():
		p.due = now.Add(progressAfter)
	case !now.Before(p.due):
		p.due, p.shown = now.Add(progressEvery), true
		fmt.Fprintf(p.w, "%sread %s in %d lines", eraseLine, Size(p.bytes), p.lines)
	}
}

// Around returns w, for what is written to the same terminal: the line is erased before.
func (p *Progress) Around(w io.Writer) io.Writer {
	if p == nil || !Is(w) {
		return w
	}
	return around{p, w}
}

// Pause erases the line, and tells nothing until there is something to read once more.
func (p *Progress) Pause() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.erase()
	p.due = time.Time{}
}

func (p *Progress) erase() {
	if p.shown {
		fmt.Fprint(p.w, eraseLine)
	}
	p.shown = false
}

// around is a terminal on which there may be progress.
type around struct {
	progress *Progress
	w        io.Writer
}

func (a around) Write(b []byte) (int, error) {
	a.progress.mu.Lock()
	defer a.progress.mu.Unlock()
	a.progress.erase()
	a.progress.due = a.progress.now().Add(progressAfter)
	return a.w.Write(b)
}

// Fd has the writer known for a terminal.
func (a around) Fd() uintptr {
	file, ok := a.w.(interface{ Fd() uintptr })
	if !ok {
		return ^uintptr(0)
	}
	return file.Fd()
}
