package logprint

import (
	"bytes"

	"github.com/cri-logshim/cri-logshim/logmgr/logline"
	"github.com/cri-logshim/cri-logshim/logreader"
)

const (
	// maxHeld is how many bytes of other lines one that has no end yet holds up.
	maxHeld = 4 << 20
	// heldLine is about what a line takes beside its text.
	heldLine = 256
)

// shown is a line, or a piece of one, that is to be shown.
type shown struct {
	logreader.Line
	// context is whether it is shown for its neighbour's sake, and apart whether it does not
	// follow the line that was shown before it.
	context, apart bool
	// found are the parts of the text that were looked for, as pairs of offsets.
	found []int
}

// form writes lines in a format. begin and finish are called once for each line, text for each
// of its pieces; an error of the output comes with finish at the latest.
type form interface {
	begin(line *shown) error
	text(piece *shown) error
	finish(partial bool) error
}

// joiner puts the pieces of lines together. One line is open at most, and those that come while
// it is wait, so that no line comes out within another.
//
//	          put, More                put of another: held
//	closed ───────────────▶ open ──────────────────────────────▶ open
//	   ▲                      │
//	   └──────────────────────┘ its end, or too much held, or release: cut
//
// Closed again, it puts those that were held.
type joiner struct {
	form   form
	piece  shown // that is being put; a field, or each would be allocated
	open   bool
	origin *logreader.Origin // of the open line
	stream logline.Stream    // of the open line
	held   []shown
	bytes  int // of held
}

func (j *joiner) put(line shown) error {
	if j.open {
		switch {
		case !j.isOpen(&line.Line):
			return j.hold(line)
		case !line.Continued: // the open one's end is nowhere
			if err := j.cut(); err != nil {
				return err
			}
			return j.put(line)
		}
	}
	j.piece = line
	if !j.open {
		if err := j.form.begin(&j.piece); err != nil {
			return err
		}
	}
	if err := j.form.text(&j.piece); err != nil {
		return err
	}
	if !line.More {
		return j.close(false)
	}
	j.open, j.origin, j.stream = true, line.Origin, line.Stream
	return nil
}

// isOpen tells whether a piece belongs to the open line.
func (j *joiner) isOpen(piece *logreader.Line) bool {
	return piece.Stream == j.stream &&
		(piece.Origin == j.origin || piece.Origin != nil && j.origin != nil && *piece.Origin == *j.origin)
}

// hold keeps a line until the open one is closed.
func (j *joiner) hold(line shown) error {
	line.Text = bytes.Clone(line.Text)
	j.held = append(j.held, line)
	j.bytes += len(line.Text) + heldLine
	if j.bytes <= maxHeld {
		return nil
	}
	return j.cut()
}

// cut ends the open line though there is more of it to come, which will be a line of its own.
func (j *joiner) cut() error { return j.close(true) }

func (j *joiner) close(partial bool) error {
	j.open = false
	if err := j.form.finish(partial); err != nil {
		return err
	}
	held := j.held
	j.held, j.bytes = nil, 0
	for _, line := range held {
		if err := j.put(line); err != nil {
			return err
		}
	}
	return nil
}

// release cuts lines until none is held.
func (j *joiner) release() error {
	for len(j.held) > 0 {
		if err := j.cut(); err != nil {
			return err
		}
	}
	return nil
}

// end closes all that is open.
func (j *joiner) end() error {
	for j.open {
		if err := j.cut(); err != nil {
			return err
		}
	}
	return nil
}
