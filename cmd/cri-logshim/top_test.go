package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"github.com/cri-logshim/cri-logshim/admin/api"
	"github.com/cri-logshim/cri-logshim/config"
)

// adminFake is a daemon as far as top sees one, at the socket of a place.
type adminFake struct {
	server *http.Server
	done   chan struct{}

	mu      sync.Mutex
	logs    []api.Log
	rotated []string
	old     bool // knows nothing of the API
}

func newAdminFake(logs int) *adminFake {
	f := &adminFake{}
	for i := range logs {
		f.logs = append(f.logs, api.Log{
			ID: fmt.Sprintf("%064x", i+1), Namespace: "shop", Pod: fmt.Sprintf("web-%03d", i), Container: "app", State: "running", Managed: true,
			BytesPerSecond: int64(1000 * (logs - i)), CurrentBytes: new(int64(i) << 20), DiskBytes: new(int64(i) << 22), Files: new(2),
			Policy: api.Policy{MaxSize: 10 << 20, MaxFiles: 5, Compression: "gzip"},
		})
	}
	return f
}

func (f *adminFake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.old {
		http.NotFound(w, r)
		return
	}
	var answer any
	switch r.Method + " " + r.URL.Path {
	case "GET " + api.PathNode:
		answer = api.Node{Time: time.Now(), Host: "worker-7", Version: "1.0.0", Mode: "proxy", Runtime: api.Runtime{Name: "containerd", State: "ready"}, Logs: len(f.logs)}
	case "GET " + api.PathLogs:
		answer = api.LogList{Time: time.Now(), Logs: f.logs}
	case "POST " + api.PathRotate:
		var asked api.RotateRequest
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		f.rotated = append(f.rotated, asked.ID)
		answer = api.RotateResult{Rotated: true, Bytes: 5 << 20, File: "0.log.20261121-020729.631480790"}
	default:
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer) // whoever asked may have gone
}

func (f *adminFake) asked() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.rotated)
}

// listen has the fake answer at the admin socket of a place until it is stopped, at the latest at
// the end of the test.
func (f *adminFake) listen(t *testing.T, p *place) {
	t.Helper()
	path := socketOf(p.config.Admin.Listen)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	f.server, f.done = &http.Server{Handler: f}, make(chan struct{})
	go func(server *http.Server, done chan struct{}) {
		defer close(done)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	}(f.server, f.done)
	t.Cleanup(func() { f.stop(t) })
}

func (f *adminFake) stop(t *testing.T) {
	t.Helper()
	if err := f.server.Close(); err != nil {
		t.Error(err)
	}
	<-f.done
}

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
