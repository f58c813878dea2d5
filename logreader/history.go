package logreader

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr/logline"
)

// margin is by how much a file has to be outside the wanted time to be skipped unread: clocks are
// set, and a runtime notes a line's time before it writes it.
const margin = time.Minute

// history reads the log of one container: the chosen files from the oldest on, one after the
// other. It holds one file open, and the next one if that is to be decompressed.
//
//	at a file's end:
//	  a later file is there, or the pod has ended
//	      somebody still writes to it   wait, read on
//	      nobody does                   read once more to its end, then open the later one
//	  none is                           end, or when following: wait, read on
//
// The next file is looked for in a new listing each time, after the one that was read, whatever
// that is called by then.
type history struct {
	src Source
	c   Container
	o   Options

	bell    Bell    // nil: not following
	attempt *uint32 // the only one that is read; nil: all

	at     *place
	next   *place // opened ahead; nil: not
	looked int64  // the offset in at when the source was last asked what there is
	missed int    // how often a file was not there that had just been listed
	skip   int64  // lines that come before the last ones that are wanted

	// last is the file to end with unless following, and lastBefore when the one before it
	// was rotated.
	last       File
	lastBefore time.Time

	lines    *logline.Reader
	origin   *Origin
	pending  bool // at is of another attempt than lines
	flushing bool // what has no end in lines is given
	over     bool
	told     map[string]bool // that was warned of
}

func newHistory(src Source, c Container, o Options) *history {
	if o.Warn == nil {
		o.Warn = func(error) {}
	}
	if o.Idle == nil {
		o.Idle = func() error { return nil }
	}
	return &history{src: src, c: c, o: o, attempt: o.Attempt, told: map[string]bool{}}
}

// Next returns the next line of those that are wanted, or io.EOF.
func (h *history) Next(ctx context.Context) (Line, error) {
	if h.lines == nil {
		if err := h.begin(ctx); err != nil {
			return Line{}, err
		}
	}
	for {
		line, err := h.take(ctx)
		if err != nil {
			return Line{}, err
		}
		if h.wants(line) {
			return Line{Line: line, Origin: h.origin}, nil
		}
	}
}

// wants tells whether a line is one of those that were asked for.
func (h *history) wants(line logline.Line) bool {
	if line.Err != nil {
		return true
	}
	if h.isBeyond(line.Time) {
		h.over = true
		return false
	}
	if !h.o.matches(line.Stream, line.Time) {
		return false
	}
	if h.skip > 0 {
		if !line.More {
			h.skip--
		}
		return false
	}
	return true
}

// isBeyond tells whether what follows need not be read.
func (h *history) isBeyond(t time.Time) bool {
	return !h.o.Until.IsZero() && t.After(h.o.Until.Add(margin))
}

// matches tells whether a line of a stream and time is wanted.
func (o *Options) matches(s logline.Stream, t time.Time) bool {
	return (o.Stream == logline.None || s == o.Stream) &&
		(o.Since.IsZero() || !t.Before(o.Since)) && (o.Until.IsZero() || !t.After(o.Until))
}

// take returns the next line of all.
func (h *history) take(ctx context.Context) (logline.Line, error) {
	for {
		if h.flushing {
			line, ok := h.lines.Rest()
			switch {
			case ok && errors.Is(line.Err, logline.ErrTorn) && h.isBeingWritten():
				continue
			case ok:
				return line, nil
			}
			h.flushing = false
		}
		if h.over {
			return logline.Line{}, io.EOF
		}
		if h.pending {
			h.startAttempt()
		}
		line, err := h.lines.Next()
		if err == nil {
			return line, nil
		}
		if !errors.Is(err, io.EOF) {
			if ctx.Err() != nil {
				return logline.Line{}, context.Cause(ctx)
			}
			h.giveUp(err)
		}
		if err := h.turn(ctx); err != nil {
			return logline.Line{}, err
		}
	}
}

// isBeingWritten tells whether a record without an end, at the end of all, may have one already.
func (h *history) isBeingWritten() bool {
	if !h.over || h.at.handle == nil || h.at.settled {
		return false
	}
	settled, err := h.at.handle.Settled()
	return err == nil && !settled
}

// giveUp tells of a file that cannot be read any further.
func (h *history) giveUp(err error) {
	h.o.Warn(&FileError{Container: h.c, Name: h.at.file.Name, Err: err})
	h.at.settled, h.at.failed = true, true
}

// startAttempt begins with lines of another attempt, whose pieces belong to no line before.
func (h *history) startAttempt() {
	h.pending = false
	h.lines = logline.NewReader(h.at, 0)
	h.origin = &Origin{Namespace: h.c.Namespace, Pod: h.c.Pod.Name, PodUID: h.c.UID, Container: h.c.Name, Attempt: h.at.file.Attempt}
}

// end ends the reading after the lines that have no end.
func (h *history) end() error {
	h.over, h.flushing = true, true
	return nil
}

// turn is called at the end of what there is. When it returns nil, reading goes on, perhaps with
// another file.
func (h *history) turn(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	if grew := h.at.offset != h.looked; grew && !h.at.settled && !h.at.moved && h.o.Follow {
		h.looked = h.at.offset
		return h.waitBriefly(ctx) // most likely for more of it
	}
	return h.lookAround(ctx)
}

// lookAround looks what has become of the log.
func (h *history) lookAround(ctx context.Context) error {
	if !h.o.Follow && h.isLast(h.at.file) && (h.at.settled || h.at.file.Current()) {
		return h.end()
	}
	if h.next != nil { // it was the next one when its file was opened, so it still is
		return h.moveTo(h.next)
	}
	now, err := h.list(ctx)
	if err != nil {
		return err
	}
	from, gap, err := h.after(ctx, now.Files)
	switch {
	case errors.Is(err, errReopened):
		return nil
	case errors.Is(err, errAgain) && h.missed < beginAttempts:
		h.missed++
		return pause(ctx, time.Millisecond)
	case err != nil && !errors.Is(err, errAgain):
		return err
	}
	later := len(now.Files) - from
	switch {
	case later == 0 && !now.Ended && h.o.Follow:
		return h.wait(ctx)
	case !h.at.settled && (later > 0 || now.Ended):
		return h.settle(ctx)
	case later == 0 || h.isBeyond(h.at.lastWritten()) || !h.o.Follow && h.isPast(now.Files[from]):
		return h.end()
	}
	if gap {
		h.o.Warn(&GapError{Container: h.c, After: h.at.file.Name})
	}
	return h.open(ctx, now.Files, from)
}

// wait waits for something new.
func (h *history) wait(ctx context.Context) error {
	if !h.o.Until.IsZero() && time.Now().After(h.o.Until.Add(margin)) {
		return h.end()
	}
	if err := h.o.Idle(); err != nil {
		return err
	}
	return h.bell.Wait(ctx)
}

// brief is how long more of a file is waited for before a successor is looked for: the events
// of its rotation may have come before its last lines were read.
const brief = 20 * time.Millisecond

func (h *history) waitBriefly(ctx context.Context) error {
	briefly, cancel := context.WithTimeout(ctx, brief)
	defer cancel()
	if err := h.wait(briefly); err != nil && briefly.Err() == nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

const (
	// settlePause is the time between two questions whether a file is still written to: a
	// runtime closes it some milliseconds after it was told to open another.
	settlePause = 5 * time.Millisecond
	// patience is how long a file that has a successor and does not grow is waited for, when
	// following and when not.
	patience, shortPatience = 10 * time.Second, time.Second
)

// settle makes sure that nobody writes to the present file, which has a successor.
func (h *history) settle(ctx context.Context) error {
	p := h.at
	settled, err := p.moved, error(nil)
	if !settled {
		settled, err = p.handle.Settled()
	}
	switch now := time.Now(); {
	case errors.Is(err, fs.ErrNotExist):
		p.moved = true // where to, the next listing tells
		return nil
	case err != nil:
		h.giveUp(err)
		return nil
	case p.doubtful.IsZero() || p.offset != p.doubtfulAt:
		p.doubtful, p.doubtfulAt = now, p.offset
	case now.Sub(p.doubtful) > h.patience():
		settled = true
	}
	if p.settled = settled; settled {
		return nil
	}
	if err := h.o.Idle(); err != nil {
		return err
	}
	return pause(ctx, settlePause)
}

func (h *history) patience() time.Duration {
	if h.o.Follow {
		return patience
	}
	return shortPatience
}

// pause waits.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// open goes on with the file at from, if that can be opened.
func (h *history) open(ctx context.Context, files []File, from int) error {
	f := files[from]
	p, err := h.openAt(ctx, files, from, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist) && h.missed < beginAttempts:
		h.missed++
		return pause(ctx, time.Millisecond) // it has another name by now: look again
	case ctx.Err() != nil:
		return errors.Join(context.Cause(ctx), p.close())
	case err != nil:
		h.o.Warn(&FileError{Container: h.c, Name: f.Name, Err: err})
		p = &place{file: f, settled: true, failed: true}
	}
	h.missed = 0
	h.openAhead(ctx, files[from:])
	return h.enter(p)
}

// openAt opens the file at from, behind so many bytes of its text.
func (h *history) openAt(ctx context.Context, files []File, from int, offset int64) (*place, error) {
	f := files[from]
	p, err := openPlace(ctx, h.src, h.c, f, offset)
	if err != nil {
		return nil, err
	}
	p.before = latest(files[:from], f.Attempt)
	if !p.isNameless() {
		return p, nil
	}
	// Where only the name tells that it is this file, it is if none was rotated since.
	now, err := h.list(ctx)
	if err == nil && latest(now.Files, f.Attempt).After(p.before) {
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

// openAhead begins to decompress the file after the first, if the first is being decompressed.
func (h *history) openAhead(ctx context.Context, files []File) {
	if len(files) < 2 || files[0].Compression == Plain || files[1].Compression == Plain {
		return
	}
	if h.isBeyond(written(files[0])) || !h.o.Follow && h.isLast(files[0]) {
		return
	}
	if p, err := openPlace(ctx, h.src, h.c, files[1], 0); err == nil { // or else it will be told of later
		h.next = p
	}
}

// moveTo goes on with the file that was opened ahead.
func (h *history) moveTo(p *place) error {
	h.next = nil
	return h.enter(p)
}

// enter goes on with p.
func (h *history) enter(p *place) error {
	another := h.at != nil && (h.at.none || h.at.file.Attempt != p.file.Attempt)
	err := h.at.close()
	h.at, h.looked = p, p.offset
	switch {
	case h.lines == nil:
		h.startAttempt()
	case another:
		h.flushing, h.pending = true, true
	default:
		h.lines.Continue(p)
	}
	if err != nil {
		return &FileError{Container: h.c, Name: p.file.Name, Err: err}
	}
	return nil
}

// close closes what is open.
func (h *history) close() error {
	err := errors.Join(h.at.close(), h.next.close())
	h.at, h.next = nil, nil
	if h.bell != nil {
		err = errors.Join(err, h.bell.Close())
		h.bell = nil
	}
	return err
}
