package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"google.golang.org/grpc"
)

// A process that cannot reach the runtime does not take over from one that can.
func TestHandOverToNoRuntime(t *testing.T) {
	t.Parallel()
	p, f := newPlace(t), newFakeRuntime()
	f.serve(t, p.config.RuntimeEndpoint)
	d := p.serve(t, extras{})
	conn := works(t, p)
	eventually(t, "the daemon to reach the runtime", func() bool { return len(d.said("connected to the runtime")) > 0 })
	p.config.RuntimeEndpoint = "unix://" + filepath.Join(p.dir, "nowhere.sock")
	p.write(t)
	d.waitSaid(t, "come into force with a reload", "runtimeEndpoint")
	d.signal(t, syscall.SIGHUP)
	d.waitSaid(t, "cannot hand over", "cannot reach the runtime")
	if err := callVersion(t, conn); err != nil {
		t.Errorf("a call afterwards: %v", err)
	}
	if n := len(d.said("handed over")) + len(d.said("configuration reloaded")); n > 0 {
		t.Error("it says that something has changed")
	}
}

// Whatever a successor does wrong, at each step: the first process goes on, with all that
// it served, and says why.
func TestHandOverFails(t *testing.T) {
	t.Parallel()
	for name, successor := range map[string]struct{ text, said string }{
		"no program":               {"no program\n", "exec format error"},
		"ends at once":             {"#!/bin/sh\nexit 1\n", "it has ended"},
		"another language":         {"#!/bin/sh\necho 220 hello >&3\nexec sleep 25\n", "220 hello"},
		"ends when it is to serve": {"#!/bin/sh\necho ready >&3\nread word <&3\nexit 1\n", "does not serve: it has ended"},
		"does not serve":           {"#!/bin/sh\necho ready >&3\nexec sleep 25\n", "does not serve: not within 2s"},
		"never gets ready":         {"#!/bin/sh\nexec sleep 25\n", "did not get ready: not within 20s"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, f := newPlace(t), newFakeRuntime()
			f.serve(t, p.config.RuntimeEndpoint)
			d := replaceable(t, p, extras{})
			conn := works(t, p)
			events := following(t, f, conn)
			installText(t, filepath.Join(p.dir, "cri-logshim"), successor.text)
			d.signal(t, syscall.SIGHUP)
			d.waitSaid(t, "cannot hand over", successor.said)
			if err := callVersion(t, conn); err != nil {
				t.Errorf("a call afterwards: %v", err)
			}
			if err := callVersion(t, dial(t, p.config.Listen), grpc.WaitForReady(true)); err != nil {
				t.Errorf("a call on a new connection: %v", err)
			}
			select {
			case err := <-events:
				t.Errorf("the stream has ended: %v", err)
			default:
			}
			if n := metric(t, p, `cri_logshim_config_reloads_total{result="failed"}`); n != "1" {
				t.Errorf("%s failed reloads are counted, want 1", n)
			}
			// The next try, with a program that is whole, is a good one.
			installNew(t, filepath.Join(p.dir, "cri-logshim"))
			d.signal(t, syscall.SIGHUP)
			d.successorOf(t, 1)
			works(t, p)
		})
	}
}

// A successor that loses its predecessor when it is ready has everything to itself.
func TestPredecessorDies(t *testing.T) {
	t.Parallel()
	p, f := newPlace(t), newFakeRuntime()
	f.serve(t, p.config.RuntimeEndpoint)
	d := replaceable(t, p, extras{})
	works(t, p)
	// The successor is stopped before it can say anything.
	whole := filepath.Join(t.TempDir(), "cri-logshim")
	installNew(t, whole)
	installText(t, filepath.Join(p.dir, "cri-logshim"), "#!/bin/sh\nkill -STOP $$\nexec "+whole+" \"$@\"\n")
	d.signal(t, syscall.SIGHUP)
	d.waitSaid(t, "handing over")
	var stopped int
	eventually(t, "the successor to be stopped", func() bool {
		stopped = stoppedShell(t, p.dir)
		return stopped != 0
	})
	t.Cleanup(func() { _ = syscall.Kill(stopped, syscall.SIGKILL) }) // it may have ended
	d.signal(t, syscall.SIGKILL)
	eventually(t, "the end of the first process", func() bool { return ended(t, d.cmd.Process.Pid) })
	if err := syscall.Kill(stopped, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	works(t, p)
}

// stoppedShell finds the process of a script in a folder that has stopped itself.
func stoppedShell(t *testing.T, dir string) int {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)) // it may have ended
		stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if strings.Contains(string(line), filepath.Join(dir, "cri-logshim")) && strings.Contains(string(stat), ") T ") {
			return pid
		}
	}
	return 0
}
