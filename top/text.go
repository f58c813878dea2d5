package top

import (
	"strings"
	"unicode"

	"github.com/charmbracelet/x/ansi"
)

// harmless returns text in which nothing acts on a terminal or moves what is beside it: each
// character that is not seen in a place of its own (controls, marks and others that join the one
// before, changes of direction, what is no UTF-8) is shown as one that says so.
func harmless(text string) string {
	if !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
		return text
	}
	var shown strings.Builder
	last := " "
	for _, r := range text {
		this := string(r)
		if r != ' ' && !standsAlone(r) || width(last+this) != width(last)+width(this) {
			this = string(unicode.ReplacementChar)
		}
		shown.WriteString(this)
		last = this
	}
	return shown.String()
}

// standsAlone tells whether a character is seen, and joins neither what is before it nor what is
// behind.
func standsAlone(r rune) bool {
	own := width(string(r))
	return unicode.IsGraphic(r) && !unicode.IsMark(r) && !unicode.IsSpace(r) && own > 0 && width(" "+string(r)+" ") == own+2
}

// width is how many cells of a terminal a text takes.
func width(text string) int { return ansi.StringWidth(text) }

const ellipsis = "…"

// shorten returns a text that takes at most so many cells, cut at its end.
func shorten(text string, cells int) string {
	if width(text) <= cells {
		return text
	}
	if cells <= 0 {
		return ""
	}
	return ansi.Truncate(text, cells, ellipsis)
}

// squeeze is shorten for names: what is left out is in the middle, since pods of one workload
// differ at their ends.
func squeeze(name string, cells int) string {
	whole := width(name)
	if whole <= cells || cells < 5 {
		return shorten(name, cells)
	}
	tail := (cells - 1) / 3
	squeezed := ansi.Truncate(name, cells-1-tail, "") + ellipsis + ansi.TruncateLeft(name, whole-tail, "")
	return shorten(squeezed, cells) // wide characters do not split where they should
}

// pad fills a text with blanks up to so many cells, before it or behind it.
func pad(text string, cells int, before bool) string {
	blanks := strings.Repeat(" ", max(0, cells-width(text)))
	if before {
		return blanks + text
	}
	return text + blanks
}

// wrap breaks a text into lines of at most so many cells, between words where that goes.
func wrap(text string, cells int) []string {
	if cells <= 0 {
		return nil
	}
	return strings.Split(ansi.Wrap(text, cells, "/"), "\n")
}
