// Package terminal knows what a person sits before: whether a stream is a terminal, whether it
// may be coloured, and how text that others have written is shown there without a terminal
// acting on it.
//
// A terminal is taken for one of UTF-8. The package knows nothing of what is shown.
package terminal

import (
	"io"

	"golang.org/x/term"
)

// Is tells whether a stream is a terminal.
func Is(stream any) bool {
	file, ok := stream.(interface{ Fd() uintptr })
	return ok && term.IsTerminal(int(file.Fd()))
}

// Width is how many columns the terminal has that w is, and 0 if it is none or cannot tell.
func Width(w io.Writer) int {
	file, ok := w.(interface{ Fd() uintptr })
	if !ok {
		return 0
	}
	width, _, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return 0
	}
	return width
}
