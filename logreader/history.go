package logreader

import (
	"context"
	"errors"
	"io"
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
// What follows a current file is looked for in a new listing, after the one that was read, whatever
// that is called by then; what follows a rotated one is in the listing already.
type history struct {
	src Source
	c   Container
	o   Options

	bell    Bell     // nil: not following
	attempt *uint32  // the only one that is read; nil: all
	known   []uint32 // the attempts that there are, if one is chosen

	at     *place
	next   *place // opened ahead; nil: not
	files  []File // of the listing in which at was found last
	from   int    // where in it the files begin that follow at; a rotated file keeps them
	looked int64  // the offset in at when more of it was last waited for, before looking around
	missed int    // how often a file was not there that had just been listed
	gone   *File  // the last such file; nil: it has been looked for
	skip   int64  // lines that come before the last ones that are wanted

	// last is the file to end with unless following, and lastBefore when the one before it
	// was rotated.
	last       File
	lastBefore time.Time

	lines    *logline.Reader
	origin   *Origin   // of lines
	time     time.Time // of the last line that had one, wanted or not
	flushing bool      // what has no end in lines is given
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
	if line.Err == nil && !h.flushing { // what has no end comes after lines that are later
		h.time = line.Time
	}
	switch {
	case line.Err != nil && !h.o.includes(h.time): // of either stream, and of the time of what came before
		return false
	case line.Err == nil && h.isBeyond(line.Time):
		h.over, h.flushing = true, true
		return false
	case line.Err == nil && !h.o.matches(line.Stream, line.Time):
		return false
	case h.skip == 0:
		return true
	}
	if !line.More && h.o.counts(logline.Record{Time: line.Time, Stream: line.Stream, Err: line.Err}) {
		h.skip--
	}
	return false
}

// isBeyond tells whether what follows need not be read.
func (h *history) isBeyond(t time.Time) bool {
	return !h.o.Until.IsZero() && t.After(h.o.Until.Add(margin))
}

// matches tells whether a line of a stream and time is wanted.
func (o *Options) matches(s logline.Stream, t time.Time) bool {
	return (o.Stream == logline.None || s == o.Stream) && o.includes(t)
}

// includes tells whether a time is within the bounds.
func (o *Options) includes(t time.Time) bool {
	return (o.Since.IsZero() || !t.Before(o.Since)) && (o.Until.IsZero() || !t.After(o.Until))
}

// take returns the next line of all.
func (h *history) take(ctx context.Context) (logline.Line, error) {
	for {
		if ctx.Err() != nil { // in the midst of a file, too: it may be large, or hold nothing that is wanted
			return logline.Line{}, context.Cause(ctx)
		}
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
		if h.origin.Attempt != h.at.file.Attempt {
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
	h.lines = logline.NewReader(h.at, 0)
	h.origin = &Origin{Namespace: h.c.Namespace, Pod: h.c.Pod.Name, PodUID: h.c.UID, Container: h.c.Name, Attempt: h.at.file.Attempt}
}

// end ends the reading after the lines that have no end.
func (h *history) end() error {
	h.over, h.flushing = true, true
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
