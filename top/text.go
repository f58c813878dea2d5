package top

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	"github.com/cri-logshim/cri-logshim/terminal"
)

// harmless returns text in which nothing acts on a terminal, as all that is shown of others', and
// moreover nothing moves what is beside it: each character that is not seen in a place of its own
// (marks and others that join the one before) is shown as one that says so.
func harmless(text string) string {
	if isASCII(text) {
		return text
	}
	var shown strings.Builder
	last := " "
	for _, r := range terminal.Harmless(text) {
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
func width(text string) int {
	if isASCII(text) {
		return len(text)
	}
	return ansi.StringWidth(text)
}

// isASCII tells whether a text is printable ASCII, as nearly every name is.
func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}

const ellipsis = "…"

// shorten returns a harmless text that takes at most so many cells, cut at its end.
func shorten(text string, cells int) string {
	switch {
	case width(text) <= cells:
		return text
	case cells <= 0:
		return ""
	}
	return text[:begin(text, cells-1)] + ellipsis
}

// squeeze is shorten for names: what is left out is in the middle, since pods of one workload
// differ at their ends.
func squeeze(name string, cells int) string {
	whole := width(name)
	if whole <= cells || cells < 5 {
		return shorten(name, cells)
	}
	tail := (cells - 1) / 3
	rest := begin(name, whole-tail)
	if width(name[rest:]) > tail { // a wide character does not split
		_, wide := utf8.DecodeRuneInString(name[rest:])
		rest += wide
	}
	return name[:begin(name, cells-1-tail)] + ellipsis + name[rest:]
}

// begin is how many bytes of a harmless text have room in so many cells.
func begin(text string, cells int) int {
	for i, r := range text {
		if cells -= width(string(r)); cells < 0 {
			return i
		}
	}
	return len(text)
}

// pad fills a text with blanks up to so many cells.
func pad(text string, cells int) string {
	return text + strings.Repeat(" ", max(0, cells-width(text)))
}

// wrap breaks a harmless text into lines of at most so many cells, behind a blank or a slash
// where there is one.
func wrap(text string, cells int) []string {
	var lines []string
	first, seam := 0, 0   // of the line, and where it breaks best
	taken, beyond := 0, 0 // the cells of the line, and those of it behind the seam
	for i, r := range text {
		own := width(string(r))
		if own > cells {
			return lines // not even one character has room
		}
		for taken+own > cells { // twice, where a wide one follows what is behind the seam
			if seam == first {
				seam, beyond = i, 0
			}
			lines = append(lines, text[first:seam])
			first, taken = seam, beyond
		}
		taken += own
		beyond += own
		if r == ' ' || r == '/' {
			seam, beyond = i+utf8.RuneLen(r), 0
		}
	}
	return append(lines, text[first:])
}
