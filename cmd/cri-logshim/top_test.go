package main

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"

	"github.com/cri-logshim/cri-logshim/config"
)

// What an operator does at three in the morning, on a real terminal: look, sort, filter, rotate,
// make the window smaller, lose the daemon and get it back, and leave.
func TestTopOnATerminal(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.write(t)
	fake := newAdminFake(500)
	fake.listen(t, p)
	s := onTerminal(t, "top", "--config", p.file(), "--interval", "100ms")

	s.shows(t, "cri-logshim 1.0.0 on worker-7", "500 logs, by rate")
	s.row(t, "▸", "web-000")
	s.press(t, "\x1b[B\x1b[B") // down
	s.row(t, "▸", "web-002")
	s.press(t, "G")
	s.row(t, "▸", "web-499")
	s.press(t, "g2")
	s.row(t, "▸", "web-499")
	s.shows(t, "by disk", "DISK▼")
	s.press(t, "/web-12[34]")
	s.shows(t, "Filter: web-12[34]", "2 of 500")
	s.press(t, "\r")
	s.row(t, "▸", "web-124")
	s.press(t, "R")
	s.shows(t, "Rotate shop/web-124/app now? y/n")
	s.press(t, "y")
	s.shows(t, "Rotated shop/web-124/app: 5Mi")
	if got := fake.asked(); !slices.Equal(got, []string{fmt.Sprintf("%064x", 125)}) {
		t.Errorf("rotated: %q", got)
	}
	s.press(t, "\r")
	s.shows(t, "Container ID", fmt.Sprintf("%064x", 125))
	s.press(t, "\x1b")
	s.shows(t, "NAMESPACE")

	s.size(t, 40, 12)
	s.row(t, "▸", "web-124")
	s.size(t, 100, 24)
	s.shows(t, "OF ITS LIMIT")

	fake.stop(t)
	s.shows(t, "! No answer for", "web-124")
	fake.listen(t, p)
	eventually(t, "the daemon to be back", func() bool { return !strings.Contains(s.screen.String(), "No answer") })
	s.press(t, "?")
	s.shows(t, "sort by rate, disk, current size, rotations, name")
	s.press(t, "q")
	s.ends(t, 0)
}

// A shell on a terminal that a program has left in raw mode, without a cursor or on the wrong
// screen is of no use.
func TestTopLeavesTheTerminalAsItWas(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		key    string
		signal syscall.Signal
		code   int
	}{
		"q":       {key: "q"},
		"Ctrl-C":  {key: "\x03"},
		"SIGINT":  {signal: syscall.SIGINT, code: 130},
		"SIGTERM": {signal: syscall.SIGTERM, code: 130},
		"SIGHUP":  {signal: syscall.SIGHUP, code: 130},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			p.write(t)
			newAdminFake(3).listen(t, p)
			s := onTerminal(t, "top", "--config", p.file())
			s.shows(t, "3 logs, by rate")
			if alternate, hidden, _ := s.screen.state(); !alternate || !hidden {
				t.Errorf("while it runs: own screen %t, hidden cursor %t", alternate, hidden)
			}
			if c.key != "" {
				s.press(t, c.key)
			} else if err := s.cmd.Process.Signal(c.signal); err != nil {
				t.Fatal(err)
			}
			s.ends(t, c.code)
		})
	}
}

// Whoever cannot or does not want to see colours must get none, and a console that knows only
// ASCII nothing else.
func TestTopWithoutColours(t *testing.T) {
	t.Parallel()
	size := pty.Winsize{Cols: 100, Rows: 24}
	for name, c := range map[string]struct {
		env, args []string
		want      bool
	}{
		"by default": {want: true},
		"NO_COLOR":   {env: []string{"NO_COLOR=1"}},
		"--no-color": {args: []string{"--no-color"}},
		"ASCII":      {env: []string{"LC_ALL=C"}, want: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			p.write(t)
			newAdminFake(3).listen(t, p)
			s := onTerminalOf(t, size, c.env, append([]string{"top", "--config", p.file()}, c.args...)...)
			s.shows(t, "3 logs, by rate", "? help")
			if got := s.screen.coloured(); got != c.want {
				t.Errorf("colours: %t, want %t", got, c.want)
			}
			isASCII := !strings.ContainsFunc(s.screen.String(), func(r rune) bool { return r > '~' })
			if isASCII != (name == "ASCII") {
				t.Errorf("ASCII only: %t", isASCII)
			}
			s.press(t, "q")
			s.ends(t, 0)
		})
	}
}

// The daemon itself has to answer what top asks, in each mode, and be missed when it has ended.
func TestTopOfADaemon(t *testing.T) {
	t.Parallel()
	for _, mode := range []config.Mode{config.ModeProxy, config.ModeObserve} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			p, f := newPlace(t), newFakeRuntime()
			p.config.Mode = mode
			f.runContainer(t, p.config.PodLogsDir, 64<<10)
			f.serve(t, p.config.RuntimeEndpoint)
			d := p.serve(t, extras{})
			eventually(t, "answering", func() bool { code, _ := get(t, p, "/healthz"); return code != 0 })
			s := onTerminal(t, "top", "--config", p.file(), "--interval", "100ms")
			s.shows(t, "mode "+string(mode), "fake", "ready", "1 log, by rate")
			s.row(t, "▸", "64Ki")
			s.press(t, "R")
			if mode == config.ModeObserve {
				s.shows(t, "! ns/pod/app is not managed and cannot be rotated")
			} else {
				s.shows(t, "Rotate ns/pod/app now? y/n")
				s.press(t, "y")
				s.shows(t, "Rotated ns/pod/app: 64Ki to 0.log.")
			}
			s.press(t, "\r")
			s.shows(t, "Container ID", f.logPath[len(p.config.PodLogsDir):][:20])
			d.end(t)
			s.shows(t, "! No answer for", "! cannot ask the daemon at")
			s.press(t, "q")
			s.ends(t, 0)
		})
	}
}
