package logprint

import (
	"bufio"
	"bytes"
	"time"

	"github.com/cri-logshim/cri-logshim/terminal"
)

// separator stands between groups of lines that do not follow one another, as in grep.
const separator = "--"

// What is looked for is shown in bold red, as grep does.
const foundColor = "\x1b[1;31m"

// textForm writes lines as text.
type textForm struct {
	out      *bufio.Writer
	o        Options
	end      bool // whether a line gets an end that has none
	prefixes *prefixes

	room    []byte // for what is written next
	rest    []byte // of the text, of which the terminal has to see more at once
	colored bool   // whether the text may have set a colour
}

func (f *textForm) begin(line *shown) error {
	b := f.room[:0]
	if line.apart {
		b = append(b, separator+"\n"...)
	}
	if f.o.Prefix {
		b = append(b, f.prefixes.of(line.Origin)...)
	}
	if f.o.Timestamps {
		if line.Time.IsZero() {
			b = append(b, '-')
		} else {
			b = line.Time.UTC().AppendFormat(b, time.RFC3339Nano)
		}
		b = append(b, ' ')
	}
	f.room, f.rest, f.colored = b, f.rest[:0], false
	if len(b) == 0 {
		return nil
	}
	_, err := f.out.Write(b)
	return err
}

func (f *textForm) text(piece *shown) error {
	at := 0
	for n := 0; n+1 < len(piece.found); n += 2 {
		from, to := piece.found[n], piece.found[n+1]
		if err := f.write(piece.Text[at:from], true); err != nil {
			return err
		}
		if err := f.mark(piece.Text[from:to]); err != nil {
			return err
		}
		at = to
	}
	return f.write(piece.Text[at:], piece.More)
}

// mark writes text that was looked for.
func (f *textForm) mark(text []byte) error {
	if err := f.settle(); err != nil {
		return err
	}
	if _, err := f.out.WriteString(foundColor); err != nil {
		return err
	}
	if err := f.write(text, false); err != nil {
		return err
	}
	_, err := f.out.WriteString(terminal.Reset)
	return err
}

// write writes text, after which there is more to come or not.
func (f *textForm) write(text []byte, more bool) error {
	if !f.o.Terminal {
		_, err := f.out.Write(text)
		return err
	}
	f.colored = f.colored || f.o.TextColors && bytes.IndexByte(text, 0x1b) >= 0
	if len(f.rest) > 0 {
		f.rest = append(f.rest, text...)
		text = f.rest
	}
	shown, used := terminal.AppendHarmless(f.room[:0], text, f.o.TextColors, more)
	f.room = shown
	f.rest = append(f.rest[:0], text[used:]...)
	_, err := f.out.Write(shown)
	return err
}

// settle writes what was left until more would come.
func (f *textForm) settle() error {
	if len(f.rest) == 0 {
		return nil
	}
	return f.write(nil, false)
}

func (f *textForm) finish(partial bool) error {
	if err := f.settle(); err != nil {
		return err
	}
	if f.colored {
		if _, err := f.out.WriteString(terminal.Reset); err != nil {
			return err
		}
	}
	if partial && !f.end {
		return nil
	}
	return f.out.WriteByte('\n')
}
