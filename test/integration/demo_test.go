package integration

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// The demo ends well, having counted lines and missed none, and leaves nothing.
func TestDemo(t *testing.T) {
	d := startDemo(t, buildDemo(t))
	said := d.readAll(t)
	if err := d.cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, said)
	}
	for _, line := range []string{`lines written +[1-9][\d,]+ +[1-9]`, `lost +0 +0`, `duplicated +0 +0`, `out of order +0 +0`, `largest of \d+ files: `} {
		if !regexp.MustCompile(line).MatchString(said) {
			t.Errorf("no line is like %q:\n%s", line, said)
		}
	}
	d.leavesNothing(t, said)
}

// Whatever the demo is doing when a signal comes, or when cri-logshim dies, it ends with
// an error and leaves nothing.
func TestDemoCleansUp(t *testing.T) {
	binary := buildDemo(t)
	interrupt := func(d *demo, _ string) error { return d.cmd.Process.Signal(os.Interrupt) }
	terminate := func(d *demo, _ string) error { return d.cmd.Process.Signal(syscall.SIGTERM) }
	for _, test := range []struct {
		after string // what it has said last
		event func(*demo, string) error
	}{
		{"Building", interrupt},
		{"folder", interrupt},
		{"containerd ", terminate},
		{"cri-logshim before it", interrupt},
		{"log ", terminate},
		{" 1 s ", interrupt},
		{" 1 s ", func(_ *demo, said string) error { return killShim(said) }},
		{" 1 s ", func(d *demo, _ string) error { return d.output.Close() }},
	} {
		t.Run("after "+strings.TrimSpace(test.after), func(t *testing.T) {
			t.Parallel()
			d := startDemo(t, binary)
			said := d.readUntil(t, test.after)
			if err := test.event(d, said); err != nil {
				t.Fatal(err)
			}
			rest, _ := io.ReadAll(d.lines) // an error if we closed it
			said += string(rest)
			var exit *exec.ExitError
			if err := d.cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 1 {
				t.Errorf("it ends with %v instead of exit code 1\n%s", err, said)
			}
			d.leavesNothing(t, said)
		})
	}
}

func killShim(said string) error {
	pid, err := strconv.Atoi(first(said, `cri-logshim before it, process (\d+)`))
	if err != nil {
		return fmt.Errorf("the demo does not tell the shim's process: %w", err)
	}
	return syscall.Kill(pid, syscall.SIGKILL)
}

type demo struct {
	cmd    *exec.Cmd
	output *os.File
	lines  *bufio.Reader
	folder string // of its programs
}

func buildDemo(t *testing.T) (binary string) {
	t.Helper()
	binary = filepath.Join(t.TempDir(), "demo")
	if printed, err := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", binary, "./demo").CombinedOutput(); err != nil {
		t.Fatalf("build the demo: %v\n%s", err, printed)
	}
	return binary
}

// startDemo starts the demo, with little to do, and its output in a pipe.
func startDemo(t *testing.T, binary string) *demo {
	t.Helper()
	d := &demo{folder: t.TempDir()}
	output, theirs, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	d.output, d.lines = output, bufio.NewReader(output)
	d.cmd = exec.CommandContext(t.Context(), binary, "-programs", d.folder, "-duration", "2s")
	d.cmd.Stdout, d.cmd.Stderr = theirs, theirs
	if err := errors.Join(d.cmd.Start(), theirs.Close()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = output.Close() })
	return d
}

// readUntil returns what was said, up to the first line that holds text.
func (d *demo) readUntil(t *testing.T, text string) string {
	t.Helper()
	var said strings.Builder
	for {
		line, err := d.lines.ReadString('\n')
		said.WriteString(line)
		if err != nil {
			t.Fatalf("wait for %q: %v\n%s", text, err, &said)
		}
		if strings.Contains(line, text) {
			return said.String()
		}
	}
}

func (d *demo) readAll(t *testing.T) string {
	t.Helper()
	said, err := io.ReadAll(d.lines)
	if err != nil {
		t.Error(err)
	}
	return string(said)
}

// leavesNothing looks for everything that the demo makes.
func (d *demo) leavesNothing(t *testing.T, said string) {
	t.Helper()
	left := []string{d.folder}
	if dir := first(said, `folder +(\S+) `); dir != "" {
		left = append(left, dir, "/sys/fs/cgroup/"+filepath.Base(dir))
		hierarchies, err := os.ReadDir("/sys/fs/cgroup")
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range hierarchies {
			left = append(left, filepath.Join("/sys/fs/cgroup", h.Name(), filepath.Base(dir)))
		}
		nobodyIn(t, dir)
	}
	for _, path := range left {
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%q is left", path)
		}
	}
}

// nobodyIn waits until no process has a folder in its arguments, and checks that nothing
// is mounted there.
func nobodyIn(t *testing.T, dir string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err := testbed.Until(ctx, func(context.Context) error {
		processes, err := os.ReadDir("/proc")
		if err != nil {
			return err
		}
		for _, p := range processes {
			arguments, err := os.ReadFile(filepath.Join("/proc", p.Name(), "cmdline"))
			if err == nil && strings.Contains(string(arguments), dir+"/") {
				return fmt.Errorf("process %s is left: %q", p.Name(), arguments)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(mounts), dir) {
		t.Errorf("something is mounted in %q", dir)
	}
}

// first is what the pattern's group matches first, or "".
func first(text, pattern string) string {
	if found := regexp.MustCompile(pattern).FindStringSubmatch(text); found != nil {
		return found[1]
	}
	return ""
}
