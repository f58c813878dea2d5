package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

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
			d.waitSaid(t, "serving", "admin.metrics", portOf(t, before[0]))
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

// portOf is the port of an address as the kernel writes it: 0100007F:9C40.
func portOf(t *testing.T, address string) string {
	t.Helper()
	_, hex, _ := strings.Cut(address, ":")
	port, err := strconv.ParseUint(hex, 16, 16)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(":%d", port)
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

// A monitor that has connected and never asks to the end is hung up on, and the first process's
// streams go on after that.
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
	t.Cleanup(func() { _ = monitor.Close() })
	if _, err := fmt.Fprint(monitor, "GET /metrics HTTP/1.1\r\n"); err != nil {
		t.Fatal(err)
	}
	d.signal(t, syscall.SIGHUP)
	d.successorOf(t, 1)
	if err := monitor.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if said, err := io.ReadAll(monitor); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the monitor is not hung up on: %q", said)
	}
	select {
	case err := <-events:
		t.Errorf("the stream has ended: %v", err)
	default:
	}
	if ended(t, d.cmd.Process.Pid) {
		t.Error("the first process has ended, with a stream in flight")
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
