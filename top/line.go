package top

import (
	"strings"
)

// look is how a piece of text is to be seen. None says anything that the text does not say too,
// since a terminal may have no colours, and a reader may not see them.
type look uint8

const (
	plain   look = iota
	faint        // what is beside the point
	strong       // what is to be seen first
	heading      // the names of columns
	good         // as it should be
	warning      // soon not as it should be
	alarm        // not as it should be
)

// piece is text of one look. What is from others in it has been made harmless.
type piece struct {
	text string
	look look
}

// line is a line of the screen.
type line struct {
	pieces []piece
	// chosen is whether it is the row that keys act on.
	chosen bool
}

func textLine(l look, text string) line { return line{pieces: []piece{{text, l}}} }

// add puts a text behind what a line has.
func (l *line) add(how look, text string) { l.pieces = append(l.pieces, piece{text, how}) }

// width is how many cells a line takes.
func (l line) width() int {
	cells := 0
	for _, p := range l.pieces {
		cells += width(p.text)
	}
	return cells
}

// fit cuts a line to at most so many cells.
func (l line) fit(cells int) line {
	if l.width() <= cells {
		return l
	}
	cut := line{chosen: l.chosen}
	for _, p := range l.pieces {
		taken := width(p.text)
		if taken > cells {
			cut.add(p.look, shorten(p.text, cells))
			break
		}
		cut.pieces = append(cut.pieces, p)
		cells -= taken
	}
	return cut
}

// String is the text of a line without its looks.
func (l line) String() string {
	var text strings.Builder
	for _, p := range l.pieces {
		text.WriteString(p.text)
	}
	return strings.TrimRight(text.String(), " ")
}
