package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

// replaceable starts a daemon from a file of its own, which can be replaced.
func replaceable(t *testing.T, p *place, x extras) *process {
	t.Helper()
	x.program = filepath.Join(p.dir, "cri-logshim")
	installNew(t, x.program)
	return p.serve(t, x)
}

// installNew puts the program at a path, in one step.
func installNew(t *testing.T, path string) {
	t.Helper()
	content, err := os.ReadFile(ownBinary(t))
	if err != nil {
		t.Fatal(err)
	}
	installText(t, path, string(content))
}

// installText is not done while a process is being started: that would have the file open for
// writing for a moment, and the kernel runs no such file.
func installText(t *testing.T, path, content string) {
	t.Helper()
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := errors.Join(os.WriteFile(path+".new", []byte(content), 0o600), os.Chmod(path+".new", 0o700), os.Rename(path+".new", path)); err != nil {
		t.Fatal(err)
	}
}

// successorOf waits until a daemon has handed over for the nth time, and returns the
// process id of its successor, which is killed when the test is over.
func (d *process) successorOf(t *testing.T, n int) int {
	t.Helper()
	eventually(t, "the hand-over", func() bool { return len(d.said("handed over")) >= n })
	said := d.said("handed over")[n-1]
	_, id, _ := strings.Cut(said, "successor=")
	pid, err := strconv.Atoi(id)
	if err != nil {
		t.Fatalf("it says %q, which names no process", said)
	}
	t.Cleanup(func() {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			t.Error(err)
		}
	})
	return pid
}

// ended tells whether a process has, also where nobody has asked for its exit code yet.
func ended(t *testing.T, pid int) bool {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return true
	}
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(status), ") ")
	return strings.HasPrefix(after, "Z")
}

// A hangup after the program was replaced brings another process, which serves all new
// connections and does the work on logs, while a call and a stream in flight go on in the
// first one. That one ends when they have.
func TestHandOver(t *testing.T) {
	t.Parallel()
	p, f := newPlace(t), newFakeRuntime()
	p.config.Rotation.MaxSize = 1 << 30
	f.runContainer(t, p.config.PodLogsDir, 64<<10)
	f.serve(t, p.config.RuntimeEndpoint)
	d := replaceable(t, p, extras{})
	works(t, p)
	conn := dial(t, p.config.Listen)
	done, events := executing(t, f, conn), following(t, f, dial(t, p.config.Listen))

	installNew(t, filepath.Join(p.dir, "cri-logshim"))
	d.signal(t, syscall.SIGHUP)
	successor := d.successorOf(t, 1)
	if err := callVersion(t, conn); err != nil {
		t.Errorf("a call on a connection of before: %v", err)
	}
	works(t, p)
	p.config.Rotation.MaxSize = 4 << 10
	p.write(t)
	receive(t, "a rotation", f.reopens)

	select {
	case err := <-done:
		t.Fatalf("the call in flight has ended: %v", err)
	case err := <-events:
		t.Fatalf("the stream has ended: %v", err)
	default:
	}
	close(f.release)
	if err := receive(t, "the end of the call", done); err != nil {
		t.Errorf("the call in flight: %v", err)
	}
	if ended(t, d.cmd.Process.Pid) {
		t.Error("the first process has ended, with a stream in flight")
	}
	if err := syscall.Kill(successor, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end of the successor", func() bool { return ended(t, successor) })
	if exists(t, socketOf(p.config.Listen)) {
		t.Error("the last process has left its socket behind")
	}
	d.end(t)
	if err := receive(t, "the end of the stream", events); err == nil {
		t.Error("the stream goes on")
	}
}

// A first process without calls ends by itself, with exit code 0, and its session does not
// take the successor with it. Settings that cannot change while serving come into force
// with the new process, without a new program.
func TestHandOverForASetting(t *testing.T) {
	t.Parallel()
	p, f := newPlace(t), newFakeRuntime()
	f.serve(t, p.config.RuntimeEndpoint)
	d := p.serve(t, extras{})
	works(t, p)
	before := p.config.Admin.Listen
	p.config.Admin.Listen = "unix://" + filepath.Join(p.dir, "shim", "other.sock")
	p.config.Log.Format = "json"
	p.write(t)
	d.waitSaid(t, "come into force with a reload", "admin, log")
	d.signal(t, syscall.SIGHUP)
	d.successorOf(t, 1)
	eventually(t, "the end of the first process", func() bool { return ended(t, d.cmd.Process.Pid) })
	works(t, p)
	if code, body := get(t, p, "/readyz"); code != http.StatusOK {
		t.Errorf("the successor is not ready: %s", body)
	}
	eventually(t, "the old socket to go", func() bool { return !exists(t, socketOf(before)) })
	d.waitSaid(t, `"msg":"serving"`)
}

// An address is taken over whatever it is called in the configuration, and is not asked for
// a second time, as which it would be in use.
func TestHandOverOfAddresses(t *testing.T) {
	t.Parallel()
	for _, metrics := range []string{"localhost:0", ":0", "127.0.0.1:0"} {
		t.Run(metrics, func(t *testing.T) {
			t.Parallel()
			p, f := newPlace(t), newFakeRuntime()
			f.serve(t, p.config.RuntimeEndpoint)
			p.config.Admin.Metrics = metrics
			d := replaceable(t, p, extras{})
			works(t, p)
			before := listening(t, d.cmd.Process.Pid)
			installNew(t, filepath.Join(p.dir, "cri-logshim"))
			d.signal(t, syscall.SIGHUP)
			successor := d.successorOf(t, 1)
			eventually(t, "the end of the first process", func() bool { return ended(t, d.cmd.Process.Pid) })
			if after := listening(t, successor); !slices.Equal(after, before) {
				t.Errorf("the successor listens on the ports %q, the first process did on %q", after, before)
			}
		})
	}
}

// listening are the addresses, as the kernel writes them, on which a process listens for TCP.
func listening(t *testing.T, pid int) (addresses []string) {
	t.Helper()
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	has := map[string]bool{}
	for _, fd := range fds {
		target, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", pid, fd.Name())) // it may be closed by now
		has[target] = true
	}
	for _, table := range []string{"tcp", "tcp6"} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", pid, table))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			const state, listen, inode = 3, "0A", 9
			if f := strings.Fields(line); len(f) > inode && f[state] == listen && has["socket:["+f[inode]+"]"] {
				addresses = append(addresses, f[1])
			}
		}
	}
	if len(addresses) == 0 {
		t.Fatalf("process %d listens on no port", pid)
	}
	return addresses
}

// A monitor that has connected and asks nothing holds up the end of the first process's
// work, which is told and cuts no stream there.
func TestHandOverWithAnIdleMonitor(t *testing.T) {
	t.Parallel()
	p, f := newPlace(t), newFakeRuntime()
	f.serve(t, p.config.RuntimeEndpoint)
	d := replaceable(t, p, extras{})
	works(t, p)
	events := following(t, f, dial(t, p.config.Listen))
	installNew(t, filepath.Join(p.dir, "cri-logshim"))
	monitor, err := new(net.Dialer).DialContext(t.Context(), "unix", socketOf(p.config.Admin.Listen))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = monitor.Close() }) // hung up on by then
	if _, err := fmt.Fprint(monitor, "GET /metrics HTTP/1.1\r\n"); err != nil {
		t.Fatal(err)
	}
	d.signal(t, syscall.SIGHUP)
	d.successorOf(t, 1)
	d.waitSaid(t, "shut down the admin server")
	select {
	case err := <-events:
		t.Errorf("the stream has ended: %v", err)
	default:
	}
	if ended(t, d.cmd.Process.Pid) {
		t.Error("the first process has ended, with a stream in flight")
	}
}

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

// With another runtime, calls go there, and a stream of events of the one before ends, so
// that its client comes back for the new one's.
func TestHandOverToAnotherRuntime(t *testing.T) {
	t.Parallel()
	p, f, other := newPlace(t), newFakeRuntime(), newFakeRuntime()
	f.serve(t, p.config.RuntimeEndpoint)
	d := p.serve(t, extras{})
	events := following(t, f, works(t, p))
	p.config.RuntimeEndpoint = "unix://" + filepath.Join(p.dir, "other.sock")
	other.serve(t, p.config.RuntimeEndpoint)
	p.write(t)
	d.signal(t, syscall.SIGHUP)
	d.successorOf(t, 1)
	if err := receive(t, "the end of the stream", events); status.Code(err) != codes.Unavailable {
		t.Errorf("the stream ends with %v, want Unavailable", err)
	}
	following(t, other, works(t, p))
}

// Somebody who has connected and says nothing does not keep the daemon from ending.
func TestEndWithASilentClient(t *testing.T) {
	t.Parallel()
	p, f := newPlace(t), newFakeRuntime()
	f.serve(t, p.config.RuntimeEndpoint)
	d := p.serve(t, extras{})
	works(t, p)
	silent, err := new(net.Dialer).DialContext(t.Context(), "unix", socketOf(p.config.Listen))
	if err != nil {
		t.Fatal(err)
	}
	works(t, p) // so the silent one has been accepted
	d.end(t)
	if err := silent.Close(); err != nil {
		t.Error(err)
	}
}

// systemd hears of the reload, of the new main process before that speaks for itself, and
// not of an end. The new one feeds the watchdog.
func TestHandOverUnderSystemd(t *testing.T) {
	t.Parallel()
	p, f := newPlace(t), newFakeRuntime()
	f.serve(t, p.config.RuntimeEndpoint)
	notices := newNotices(t, p.dir+"/notify").all()
	if err := os.Mkdir(p.dir+"/shim", 0o700); err != nil {
		t.Fatal(err)
	}
	d := replaceable(t, p, extras{
		env:   []string{"LISTEN_FDS=1", "NOTIFY_SOCKET=" + p.dir + "/notify", "WATCHDOG_USEC=600000"},
		files: []*os.File{inherit(t, socketOf(p.config.Listen))}, before: "export WATCHDOG_PID=$$",
	})
	works(t, p)
	installNew(t, filepath.Join(p.dir, "cri-logshim"))
	d.signal(t, syscall.SIGHUP)
	successor := d.successorOf(t, 1)
	var told []string
	for len(told) == 0 || told[len(told)-1] != "WATCHDOG=1" || len(told) < 4 {
		notice, _, _ := strings.Cut(receive(t, "a notice", notices), "\n")
		if notice != "WATCHDOG=1" || len(told) == 3 {
			told = append(told, notice)
		}
		if len(told) == 1 && told[0] == "READY=1" { // of the first process
			told = nil
		}
	}
	want := fmt.Sprintf("[RELOADING=1 MAINPID=%d READY=1 WATCHDOG=1]", successor)
	if fmt.Sprint(told) != want {
		t.Errorf("it is told %v, want %s", told, want)
	}
	eventually(t, "the end of the first process", func() bool { return ended(t, d.cmd.Process.Pid) })
	if err := syscall.Kill(successor, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end of the successor", func() bool { return ended(t, successor) })
	if !exists(t, socketOf(p.config.Listen)) {
		t.Error("the socket of systemd is gone")
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

// No call fails over hand-overs, on connections that last and on such as are made for one
// call.
func TestHandOverUnderLoad(t *testing.T) {
	t.Parallel()
	const times = 5
	p, f := newPlace(t), newFakeRuntime()
	f.serve(t, p.config.RuntimeEndpoint)
	d := replaceable(t, p, extras{})
	lasting := works(t, p)
	stop := make(chan struct{})
	var callers sync.WaitGroup
	finish := sync.OnceFunc(func() {
		close(stop)
		callers.Wait()
	})
	defer finish()
	caller := func(call func() error) {
		callers.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					t.Logf("%d calls", n)
					return
				default:
				}
				if err := call(); err != nil {
					t.Errorf("call %d: %v", n, err)
					return
				}
			}
		})
	}
	for range 2 {
		caller(func() error { return callVersion(t, lasting) })
		caller(func() error {
			conn, err := grpc.NewClient(p.config.Listen, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithAuthority("localhost"))
			if err != nil {
				return err
			}
			return errors.Join(callVersion(t, conn), conn.Close())
		})
	}
	for i := range times {
		installNew(t, filepath.Join(p.dir, "cri-logshim"))
		running := d.cmd.Process.Pid
		if i > 0 {
			running = d.successorOf(t, i)
		}
		if err := syscall.Kill(running, syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		d.successorOf(t, i+1)
		<-time.After(50 * time.Millisecond) // of calls to the new one alone
	}
	finish()
}
