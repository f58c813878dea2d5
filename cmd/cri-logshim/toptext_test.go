package main

import (
	"io"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"

	"github.com/cri-logshim/cri-logshim/config"
)

// Where there is no terminal that could be drawn on, or none is wanted, nothing must be drawn.
func TestTopAsText(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		env, args  []string
		sizeIsZero bool
	}{
		"once":            {args: []string{"--once"}},
		"two tables":      {args: []string{"-n", "2", "--interval", "100ms"}},
		"dumb terminal":   {env: []string{"TERM=dumb"}},
		"no terminal set": {env: []string{"TERM="}},
		"serial console":  {sizeIsZero: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			p.write(t)
			newAdminFake(3).listen(t, p)
			size := pty.Winsize{Cols: 100, Rows: 24}
			if c.sizeIsZero {
				size = pty.Winsize{}
			}
			s := onTerminalOf(t, size, c.env, append([]string{"top", "--config", p.file()}, c.args...)...)
			s.shows(t, "web-002")
			if alternate, _, _ := s.screen.state(); alternate {
				t.Error("it draws")
			}
			if c.args == nil {
				s.press(t, "\x03")
				s.ends(t, 130)
				return
			}
			s.ends(t, 0)
		})
	}
	t.Run("a pipe", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t)
		p.write(t)
		newAdminFake(3).listen(t, p)
		cmd := exec.Command(ownBinary(t), "top", "--config", p.file(), "--interval", "100ms")
		cmd.Env = []string{"TERM=xterm"}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		text := make([]byte, 1<<12)
		n, err := io.ReadAtLeast(out, text, 600)
		if err != nil || strings.ContainsRune(string(text[:n]), '\x1b') || !strings.Contains(string(text[:n]), "web-000") {
			t.Errorf("%v: %q", err, text[:n])
		}
		if err := out.Close(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // how it ended is looked at
		if how := cmd.ProcessState.Sys().(syscall.WaitStatus); how.Signal() != syscall.SIGPIPE {
			t.Errorf("when nobody reads any more: %v", cmd.ProcessState)
		}
	})
}

// What an operator reads when there is nothing to show has to say what to do, with the exit code
// for it.
func TestTopWithoutADaemon(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare func(*testing.T, *place)
		args    []string
		code    int
		want    string
	}{
		"no socket": {func(*testing.T, *place) {}, nil, 4, "there is no such socket; is cri-logshim running?"},
		"an older daemon": {func(t *testing.T, p *place) {
			f := newAdminFake(1)
			f.old = true
			f.listen(t, p)
		}, nil, 1, "is it older than this command?"},
		"no admin socket": {func(t *testing.T, p *place) {
			p.config.Admin = config.Admin{}
			p.write(t)
		}, nil, 4, "admin.listen is empty"},
		"a sort that there is not": {func(*testing.T, *place) {}, []string{"--sort", "size"}, 2, "must be one of rate, disk, current, rotations, name"},
		"a filter that is none":    {func(*testing.T, *place) {}, []string{"--filter", "("}, 2, "missing closing )"},
		"no interval":              {func(*testing.T, *place) {}, []string{"--interval", "0"}, 2, "must be at least 100ms"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			p.write(t)
			c.prepare(t, p)
			cmd := exec.Command(ownBinary(t), append([]string{"top", "--once", "--config", p.file()}, c.args...)...)
			said, _ := cmd.CombinedOutput() // the code is looked at
			if got := cmd.ProcessState.ExitCode(); got != c.code || !strings.Contains(string(said), c.want) {
				t.Errorf("exit code %d, want %d, and %q in %q", got, c.code, c.want, said)
			}
		})
	}
}
