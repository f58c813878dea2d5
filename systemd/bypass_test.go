package systemd_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cri-logshim/cri-logshim/bypass"
)

// fallen is a node on which the script runs, all of it below one directory.
type fallen struct{ dir string }

func newFallen(t *testing.T) fallen {
	t.Helper()
	f := fallen{t.TempDir()}
	if err := os.Mkdir(f.run(), 0o700); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f fallen) run() string    { return filepath.Join(f.dir, "run") }
func (f fallen) config() string { return filepath.Join(f.dir, "config.yaml") }

// endpoints are what the daemon says they are.
func (f fallen) endpoints() bypass.Endpoints {
	return bypass.Endpoints{
		Link:    filepath.Join(f.run(), "run/crio/crio.sock"),
		Shim:    filepath.Join(f.run(), "cri-logshim.sock"),
		Runtime: filepath.Join(f.dir, "a runtime.sock"),
	}
}

// lead runs the script.
func (f fallen) lead(t *testing.T) (string, error) {
	t.Helper()
	return f.leadWithin(t.Context())
}

func (f fallen) leadWithin(ctx context.Context) (string, error) {
	cmd := exec.CommandContext(ctx, "./"+script, "does not come up")
	cmd.WaitDelay = time.Second // or what the script has started would be waited for
	cmd.Env = append(os.Environ(), "CRI_LOGSHIM_RUN="+f.run(), "CRI_LOGSHIM_CONFIG="+f.config())
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// The script leads kubelet to the runtime that the daemon has named, so that the program
// knows it as an automatic bypass, says what it did and how to go back, and can be run again.
func TestScript(t *testing.T) {
	f := newFallen(t)
	e := f.endpoints()
	if err := errors.Join(e.Save(t.Context()), e.Return(t.Context(), bypass.ToShim)); err != nil {
		t.Fatal(err)
	}
	for _, says := range []string{"now leads past it", "already"} {
		out, err := f.lead(t)
		if err != nil || !strings.Contains(out, says) || !strings.Contains(out, e.Link) || !strings.Contains(out, e.Runtime) {
			t.Errorf("%v, want %q:\n%s", err, says, out)
		}
		s, err := e.Status()
		if err != nil || s.Way != bypass.ToRuntime || s.Bypass == nil {
			t.Fatalf("the link leads to %q (%q), bypass %v, %v", s.Way, s.Target, s.Bypass, err)
		}
		if !s.Bypass.Automatic || s.Bypass.Reason != "it does not come up" || time.Since(s.Bypass.Since).Abs() > time.Minute {
			t.Errorf("the bypass is %v", s.Bypass)
		}
	}
	if _, _, err := e.Keep(t.Context(), bypass.ToShim, true); err != nil {
		t.Error(err)
	}
	if s, err := e.Status(); err != nil || s.Way != bypass.ToShim {
		t.Errorf("the daemon leaves the link at %q, %v", s.Way, err)
	}
}

// What a person has put on stays theirs.
func TestScriptAfterPerson(t *testing.T) {
	f := newFallen(t)
	e := f.endpoints()
	if err := errors.Join(e.Save(t.Context()), e.Lead(t.Context(), bypass.State{Since: time.Now(), Reason: "mine"})); err != nil {
		t.Fatal(err)
	}
	if out, err := f.lead(t); err != nil {
		t.Errorf("%v:\n%s", err, out)
	}
	if s, err := e.Status(); err != nil || s.Bypass == nil || s.Bypass.Automatic || s.Bypass.Reason != "mine" {
		t.Errorf("the bypass is %v, %v", s.Bypass, err)
	}
}

// Without a word of a daemon, as at boot, it goes by the configuration, however wrong the rest
// of that is, and else by the defaults.
func TestScriptWithoutDaemon(t *testing.T) {
	for name, test := range map[string]struct{ config, link, runtime string }{
		"configured": {"mode: nonsense\nkubeletEndpoint: unix://RUN/a/b.sock\nruntimeEndpoint: \"unix:///run/x y.sock\" # ours\n\t{", "a/b.sock", "/run/x y.sock"},
		"plain":      {"runtimeEndpoint: unix:///run/x.sock   # ours\n", "kubelet.sock", "/run/x.sock"},
		"absent":     {"", "kubelet.sock", ""},
		"elsewhere":  {"sub:\n  kubeletEndpoint: unix:///no.sock\n", "kubelet.sock", ""},
		"no link":    {"kubeletEndpoint: ''\n", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFallen(t)
			if test.config != "" {
				writeFile(t, f.config(), strings.ReplaceAll(test.config, "RUN", f.run()), 0o600)
			}
			out, err := f.lead(t)
			if err != nil {
				t.Errorf("%v:\n%s", err, out)
			}
			if test.link == "" {
				if found := filesIn(t, f.run()); len(found) > 0 {
					t.Errorf("it has made %v", found)
				}
				return
			}
			target, err := os.Readlink(filepath.Join(f.run(), test.link))
			if err != nil || test.runtime != "" && target != test.runtime || !filepath.IsAbs(target) {
				t.Errorf("the link holds %q, %v, want %q", target, err, test.runtime)
			}
		})
	}
}

// A configuration that is no file, and would be waited for, does not keep kubelet from the runtime.
func TestScriptWithPipe(t *testing.T) {
	f := newFallen(t)
	if err := unix.Mkfifo(f.config(), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	out, err := f.leadWithin(ctx)
	if err != nil || !strings.Contains(out, "now leads past it") {
		t.Errorf("%v:\n%s", err, out)
	}
}

// What is no link is left alone, with a word on what to do.
func TestScriptInTheWay(t *testing.T) {
	f := newFallen(t)
	path := filepath.Join(f.run(), "kubelet.sock")
	writeFile(t, path, "mine", 0o600)
	out, err := f.lead(t)
	if err == nil || !strings.Contains(out, "<3>") || !strings.Contains(out, "containerRuntimeEndpoint") {
		t.Errorf("%v:\n%s", err, out)
	}
	if text := readFile(t, path); text != "mine" {
		t.Errorf("the file holds %q", text)
	}
}

// A process that hangs while it leads the link does not keep the script from doing so.
func TestScriptBesideOthers(t *testing.T) {
	f := newFallen(t)
	e := f.endpoints()
	if err := errors.Join(e.Save(t.Context()), e.Return(t.Context(), bypass.ToShim)); err != nil {
		t.Fatal(err)
	}
	lock, err := os.Open(f.run())
	if err == nil {
		err = unix.Flock(int(lock.Fd()), unix.LOCK_EX)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	out, err := f.lead(t)
	if err != nil || !strings.Contains(out, "going on beside it") {
		t.Errorf("%v:\n%s", err, out)
	}
	if s, err := e.Status(); err != nil || s.Way != bypass.ToRuntime || s.Bypass == nil {
		t.Errorf("the link leads to %q, bypass %v, %v", s.Way, s.Bypass, err)
	}
}

// What the program is about to put in place is not the script's, which leaves nothing beside.
func TestScriptsOwnNames(t *testing.T) {
	f := newFallen(t)
	e := f.endpoints()
	if err := errors.Join(e.Save(t.Context()), e.Return(t.Context(), bypass.ToShim)); err != nil {
		t.Fatal(err)
	}
	theirs := []string{e.Link + ".new", filepath.Join(f.run(), "bypass.state.new")}
	for _, path := range theirs {
		writeFile(t, path, "theirs", 0o600)
	}
	before := filesIn(t, f.run())
	if out, err := f.lead(t); err != nil {
		t.Errorf("%v:\n%s", err, out)
	}
	for _, path := range theirs {
		if text := readFile(t, path); text != "theirs" {
			t.Errorf("%s holds %q", path, text)
		}
	}
	if now := filesIn(t, f.run()); len(now) != len(before)+1 {
		t.Errorf("there are %v, before %v; want the bypass more", now, before)
	}
}

// Where there is no flock(1), it goes without.
func TestScriptWithoutLock(t *testing.T) {
	f := newFallen(t)
	tools := filepath.Join(f.dir, "tools")
	if err := os.Mkdir(tools, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, tool := range []string{"sh", "date", "dirname", "grep", "head", "ln", "mkdir", "mv", "readlink", "rm", "sed"} {
		path, err := exec.LookPath(tool)
		if err == nil {
			err = os.Symlink(path, filepath.Join(tools, tool))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", tools)
	out, err := f.lead(t)
	if err != nil || !strings.Contains(out, "now leads past it") || strings.Contains(out, "not found") {
		t.Errorf("%v:\n%s", err, out)
	}
}
