package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// session is the program on a terminal.
type session struct {
	cmd    *exec.Cmd
	screen *vt
	keys   *os.File
	before unix.Termios
	read   chan struct{} // closed when all that was written is on the screen
}

// onTerminal starts a command of the program on a terminal of its own.
func onTerminal(t *testing.T, args ...string) *session {
	t.Helper()
	return onTerminalOf(t, pty.Winsize{Cols: 100, Rows: 24}, nil, args...)
}

// onTerminalOf is onTerminal with a terminal that says it has some size.
func onTerminalOf(t *testing.T, size pty.Winsize, env []string, args ...string) *session {
	t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	s := &session{cmd: exec.Command(ownBinary(t), args...), screen: newVT(100, 24), keys: master, read: make(chan struct{})}
	if err := pty.Setsize(master, &size); err != nil {
		t.Fatal(err)
	}
	s.before = modes(t, master)
	s.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "TERM=xterm-256color", "LANG=C.UTF-8"}, env...)
	s.cmd.Stdin, s.cmd.Stdout, s.cmd.Stderr = slave, slave, slave
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(s.read)
		_, _ = io.Copy(s.screen, master) // ends when nobody has the terminal any more
	}()
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill() // it may have ended long ago
		_ = s.cmd.Wait()
		_ = slave.Close()
		_ = master.Close()
		<-s.read
		if t.Failed() {
			_, _, unknown := s.screen.state()
			t.Logf("the screen at the end, after %q, which it did not know:\n%s", unknown, s.screen)
		}
	})
	return s
}

// modes are how a terminal treats what is typed.
func modes(t *testing.T, terminal *os.File) unix.Termios {
	t.Helper()
	got, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return *got
}

func (s *session) size(t *testing.T, width, height int) {
	t.Helper()
	s.screen.resize(width, height)
	if err := pty.Setsize(s.keys, &pty.Winsize{Cols: uint16(width), Rows: uint16(height)}); err != nil {
		t.Fatal(err)
	}
}

func (s *session) press(t *testing.T, keys string) {
	t.Helper()
	if _, err := s.keys.WriteString(keys); err != nil {
		t.Fatal(err)
	}
}

// shows waits until all of some texts are on the screen.
func (s *session) shows(t *testing.T, texts ...string) {
	t.Helper()
	eventually(t, fmt.Sprintf("%q on the screen", texts), func() bool {
		screen := s.screen.String()
		return !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(screen, text) })
	})
}

// row waits until a row of the screen has all of some texts.
func (s *session) row(t *testing.T, texts ...string) {
	t.Helper()
	eventually(t, fmt.Sprintf("a row with %q", texts), func() bool {
		for row := range strings.Lines(s.screen.String()) {
			if !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(row, text) }) {
				return true
			}
		}
		return false
	})
}

// ends waits for the end, and wants the terminal to be as it was before.
func (s *session) ends(t *testing.T, code int) {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- s.cmd.Wait() }()
	_ = receive(t, "the end of the program", ended) // the code is looked at
	if got := s.cmd.ProcessState.ExitCode(); got != code {
		t.Errorf("exit code %d, want %d", got, code)
	}
	if after := modes(t, s.keys); after != s.before {
		t.Errorf("the terminal is left as %+v, and was %+v", after, s.before)
	}
	eventually(t, "the ordinary screen with its cursor", func() bool {
		alternate, hidden, _ := s.screen.state()
		return !alternate && !hidden
	})
	if _, _, unknown := s.screen.state(); len(unknown) > 0 {
		t.Errorf("it sent what the terminal does not know: %s", unknown)
	}
}
