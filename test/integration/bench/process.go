package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// stopGrace is what a process is given to end on SIGTERM before it is killed.
const stopGrace = 5 * time.Second

// process is a child of the benchmark.
type process struct {
	name   string
	cmd    *exec.Cmd
	exited chan struct{} // closed once it was waited for
	err    error         // how it ended; valid after exited
	output bytes.Buffer  // what it said on stderr; valid after exited
}

// startProcess starts a program in a process group of its own, so that a Ctrl-C
// at the terminal reaches the benchmark alone, which then ends its children in order.
func startProcess(name, program string, args ...string) (*process, error) {
	cmd := exec.Command(program, args...)
	p := &process{name: name, cmd: cmd, exited: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = io.Discard, &p.output
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	return p, nil
}

// stop ends the process and waits for it. That it had ended before is an error,
// with the last of what it said.
func (p *process) stop() error {
	select {
	case <-p.exited:
		return p.died()
	default:
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop %s: %w", p.name, err)
	}
	select {
	case <-p.exited:
		return nil
	case <-time.After(stopGrace):
	}
	err := fmt.Errorf("stop %s: still running %v after SIGTERM", p.name, stopGrace)
	err = errors.Join(err, p.cmd.Process.Kill())
	<-p.exited
	return err
}

// died describes a process that ended by itself; only after exited.
func (p *process) died() error {
	said := strings.TrimSpace(p.output.String())
	const most = 2000
	if len(said) > most {
		said = "… " + said[len(said)-most:]
	}
	if p.err == nil {
		return fmt.Errorf("%s ended by itself with exit code 0, saying %q", p.name, said)
	}
	return fmt.Errorf("%s ended by itself, saying %q: %w", p.name, said, p.err)
}

// whileAlive is ctx, ended when the process ends before it. What the process said
// is found by stop.
func (p *process) whileAlive(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	left := make(chan struct{})
	go func() {
		defer close(left)
		select {
		case <-p.exited:
			cancel(fmt.Errorf("%s has ended", p.name))
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil); <-left }
}

// cpu is the CPU time that all threads of the process have used so far, also
// ended ones. The kernel's clock of another process counts nanoseconds, where
// /proc/<pid>/stat counts hundredths of a second.
func (p *process) cpu() (time.Duration, error) {
	used, err := cpuOf(p.cmd.Process.Pid)
	if err != nil {
		return 0, fmt.Errorf("read CPU clock of %s: %w", p.name, err)
	}
	return used, nil
}

// cpuOf is the CPU time of a process by its number.
func cpuOf(pid int) (time.Duration, error) {
	const schedulerClock = 2
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|schedulerClock), &t); err != nil {
		return 0, err
	}
	return time.Duration(t.Nano()), nil
}

// memory is the resident memory of the process in bytes: now, and at its highest.
func (p *process) memory() (now, highest int64, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, 0, err
	}
	if now, err = kibibytes(status, "VmRSS:"); err != nil {
		return 0, 0, err
	}
	highest, err = kibibytes(status, "VmHWM:")
	return now, highest, err
}

// kibibytes finds a field such as "VmRSS:   1234 kB" and returns it in bytes.
func kibibytes(status []byte, field string) (int64, error) {
	for line := range strings.Lines(string(status)) {
		words := strings.Fields(line)
		if len(words) == 3 && words[0] == field && words[2] == "kB" {
			n, err := strconv.ParseInt(words[1], 10, 64)
			if err != nil {
				return 0, fmt.Errorf("parse %s: %w", field, err)
			}
			return n << 10, nil
		}
	}
	return 0, fmt.Errorf("no field %s in the process's status", field)
}
