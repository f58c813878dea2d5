package main

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/config"
)

// patience is how long a test waits for what has to happen, until it calls it a
// failure. It says nothing about how fast things are.
const patience = 2 * time.Minute

// place is the directory of one daemon under test, and its configuration.
type place struct {
	dir    string
	config config.Configuration
}

// newPlace returns a place in which everything is below one directory.
func newPlace(t *testing.T) *place {
	t.Helper()
	dir := t.TempDir()
	c := config.Default()
	c.Listen = "unix://" + filepath.Join(dir, "shim", "cri.sock")
	c.KubeletEndpoint = "" // no link
	c.RuntimeEndpoint = "unix://" + filepath.Join(dir, "runtime.sock")
	c.PodLogsDir = filepath.Join(dir, "pods")
	c.Links.LegacyDir = ""
	c.KeepDir = filepath.Join(dir, "kept")
	c.Node = config.Node{} // a disk that is nearly full removes nothing
	c.Admin = config.Admin{Listen: "unix://" + filepath.Join(dir, "shim", "admin.sock")}
	return &place{dir: dir, config: c}
}

func (p *place) file() string { return filepath.Join(p.dir, "config.yaml") }

// write puts the configuration into its file, at once and not bit by bit.
func (p *place) write(t *testing.T) {
	t.Helper()
	text, err := p.config.YAML()
	if err != nil {
		t.Fatal(err)
	}
	p.writeText(t, string(text))
}

func (p *place) writeText(t *testing.T, text string) {
	t.Helper()
	next := p.file() + ".next"
	if err := errors.Join(os.WriteFile(next, []byte(text), 0o600), os.Rename(next, p.file())); err != nil {
		t.Fatal(err)
	}
}

func socketOf(endpoint string) string { return strings.TrimPrefix(endpoint, "unix://") }

// process is a running daemon: the program itself, in a process of its own.
type process struct {
	cmd    *exec.Cmd
	exited chan struct{} // closed when it has ended and all it said was read

	mu    sync.Mutex
	lines []string // of its stderr
}

// extras are what a process is given beside its command line.
type extras struct {
	env   []string
	files []*os.File // from descriptor 3 on, as systemd passes sockets

	attr    *syscall.SysProcAttr
	before  string // what the shell does that becomes the process
	program string // empty: the one that is found in PATH
}

// serve writes the configuration and starts a daemon with it. It is killed when
// the test is over.
func (p *place) serve(t *testing.T, x extras, flags ...string) *process {
	t.Helper()
	p.write(t)
	program := x.program
	if program == "" {
		program = ownBinary(t)
	}
	// systemd names the process that its sockets are for, whose id is not known before.
	args := append([]string{"-c", x.before + "\nexport LISTEN_PID=$$; exec \"$@\"", "sh", program, "serve", "--config", p.file()}, flags...)
	d := &process{cmd: exec.Command("sh", args...), exited: make(chan struct{})}
	d.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH")}, x.env...)
	d.cmd.ExtraFiles = x.files
	d.cmd.SysProcAttr = x.attr
	stderr, err := d.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(d.exited)
		d.read(stderr)
		_ = d.cmd.Wait() // the exit code is looked at by the test
	}()
	t.Cleanup(func() {
		_ = d.cmd.Process.Kill() // it may have ended long ago
		<-d.exited
		if t.Failed() {
			t.Logf("the daemon said:\n%s", strings.Join(d.said(""), "\n"))
		}
	})
	return d
}

// ownBinary is the file of the program under test.
func ownBinary(t *testing.T) string {
	t.Helper()
	program, err := exec.LookPath("cri-logshim")
	if err != nil {
		t.Fatal(err)
	}
	return program
}

func (d *process) read(stderr io.Reader) {
	for s := bufio.NewScanner(stderr); s.Scan(); {
		d.mu.Lock()
		d.lines = append(d.lines, s.Text())
		d.mu.Unlock()
	}
}

// said returns the lines of stderr so far that contain all of the words.
func (d *process) said(words ...string) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var found []string
	for _, line := range d.lines {
		has := true
		for _, w := range words {
			has = has && strings.Contains(line, w)
		}
		if has {
			found = append(found, line)
		}
	}
	return found
}

// waitSaid waits for a line with all of the words.
func (d *process) waitSaid(t *testing.T, words ...string) {
	t.Helper()
	eventually(t, "the daemon to say "+strings.Join(words, ", "), func() bool { return len(d.said(words...)) > 0 })
}

func (d *process) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := d.cmd.Process.Signal(s); err != nil {
		t.Fatalf("signal %s: %v", s, err)
	}
}

// exit waits for the end and returns the exit code.
func (d *process) exit(t *testing.T) int {
	t.Helper()
	receive(t, "the end of the daemon", d.exited)
	return d.cmd.ProcessState.ExitCode()
}

// end asks for the end and wants it to be a good one.
func (d *process) end(t *testing.T) {
	t.Helper()
	d.signal(t, syscall.SIGTERM)
	if code := d.exit(t); code != 0 {
		t.Errorf("exit code %d after SIGTERM, want 0", code)
	}
}

// receive waits for what a channel brings.
func receive[T any](t *testing.T, what string, from <-chan T) T {
	t.Helper()
	var v T
	select {
	case v = <-from:
	case <-time.After(patience):
		t.Fatalf("waited in vain for %s", what)
	}
	return v
}

// eventually waits until the condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
