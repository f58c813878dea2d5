package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// screen prints lines that stay, and a status that is replaced by the next: on a terminal
// in its place, elsewhere as a line of its own, and less often.
type screen struct {
	interval time.Duration // how often a status is worth printing
	err      error         // of the first write that failed; later ones are not tried

	out      io.Writer
	terminal bool
	shown    string // the status on the terminal's last line
}

func newScreen(file *os.File) *screen {
	_, err := unix.IoctlGetTermios(int(file.Fd()), unix.TCGETS)
	if err != nil || os.Getenv("TERM") == "dumb" {
		return &screen{out: file, interval: time.Second}
	}
	return &screen{out: file, interval: 200 * time.Millisecond, terminal: true}
}

const clearLine = "\r\x1b[K"

// say prints a line that stays.
func (s *screen) say(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	if s.shown != "" {
		s.print(clearLine + line + "\n" + s.shown)
		return
	}
	s.print(line + "\n")
}

// status replaces the status.
func (s *screen) status(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if !s.terminal {
		s.print(text + "\n")
		return
	}
	s.shown = text
	s.print(clearLine + text)
}

// keepStatus lets the status stay as a line.
func (s *screen) keepStatus() {
	if s.shown != "" {
		s.shown = ""
		s.print("\n")
	}
}

func (s *screen) print(text string) {
	if s.err == nil {
		_, s.err = io.WriteString(s.out, text)
	}
}
