package top

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// painter turns lines into what a terminal understands.
type painter struct {
	// colour is whether there are colours; without them there is still bold and reversed.
	colour bool
	// ascii is whether the terminal is said to know nothing else.
	ascii bool
}

// paint returns a screen for a terminal.
func (p painter) paint(lines []line) string {
	var text strings.Builder
	for i, l := range lines {
		if i > 0 {
			text.WriteByte('\n')
		}
		for _, piece := range l.pieces {
			style := p.style(piece.look, l.chosen)
			if p.ascii {
				piece.text = toASCII(piece.text)
			}
			if len(style) == 0 {
				text.WriteString(piece.text)
				continue
			}
			text.WriteString(style.Styled(piece.text))
		}
	}
	return text.String()
}

// style is how a look is painted: in the sixteen colours that the operator's own terminal
// defines, so that they can be read on what lies behind them.
func (p painter) style(l look, chosen bool) ansi.Style {
	var style ansi.Style
	if chosen {
		style = style.Reverse(true)
	}
	switch l {
	case plain:
		return style
	case faint:
		return style.Faint()
	case strong:
		return style.Bold()
	case heading:
		return style.Bold().Underline(true)
	case good:
		return p.coloured(style, ansi.Green)
	case warning:
		return p.coloured(style.Bold(), ansi.Yellow)
	case alarm:
		return p.coloured(style.Bold(), ansi.Red)
	}
	return style
}

func (p painter) coloured(style ansi.Style, colour ansi.BasicColor) ansi.Style {
	if !p.colour {
		return style
	}
	return style.ForegroundColor(colour)
}

// toASCII writes a text with what every terminal has.
func toASCII(text string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case '█':
			return '#'
		case '░', '·':
			return '.'
		case '▸':
			return '>'
		case '▼':
			return 'v'
		case '▲':
			return '^'
		case '…':
			return '~'
		case '×':
			return 'x'
		}
		if r > '~' {
			return '?'
		}
		return r
	}, text)
}
