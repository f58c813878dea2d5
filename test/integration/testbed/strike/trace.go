package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// tracer watches one process.
type tracer struct {
	options
	byNumber map[uint64]call
	inside   map[int]string // the file of each thread that is in the call of the current step
	asking   map[int]uint64 // where each thread that asks for the time of day wants it
	step     int            // the one that is waited for
	found    int            // calls that matched the last step
	out      *os.File
}

// trace watches the tracee until it has ended, by its own hand or ours.
func trace(o options) (err error) {
	runtime.LockOSThread() // a tracer is a thread
	t := &tracer{options: o, byNumber: map[uint64]call{}, inside: map[int]string{}, asking: map[int]uint64{}}
	for _, c := range calls() {
		t.byNumber[uint64(c.number)] = c
	}
	if t.out, err = os.OpenFile(o.report, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.out.Close()) }()
	if err := seize(o.tracee); err != nil {
		return fmt.Errorf("trace process %d: %w", o.tracee, err)
	}
	if _, err := os.Stdout.WriteString("."); err != nil {
		return err
	}
	for {
		var status unix.WaitStatus
		thread, err := unix.Wait4(-1, &status, unix.WALL, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return fmt.Errorf("wait for process %d: %w", o.tracee, err)
		case !status.Stopped():
			if thread == o.tracee {
				return nil
			}
			delete(t.inside, thread)
		default:
			if err := t.stopped(thread, status); err != nil && !errors.Is(err, unix.ESRCH) { // killed meanwhile
				return errors.Join(err, unix.Kill(o.tracee, unix.SIGKILL))
			}
		}
	}
}

// seize begins to trace all threads of a process; those that they start are traced too.
func seize(pid int) error {
	const options = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACESECCOMP | unix.PTRACE_O_TRACEEXEC | unix.PTRACE_O_EXITKILL
	known := map[string]bool{}
	for more := true; more; {
		threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
		if err != nil {
			return err
		}
		more = false
		for _, entry := range threads {
			thread, err := strconv.Atoi(entry.Name())
			if err != nil || known[entry.Name()] {
				continue
			}
			known[entry.Name()], more = true, true
			// One that a traced thread has started is traced already.
			if err := ptrace(unix.PTRACE_SEIZE, thread, options); err != nil && !errors.Is(err, unix.EPERM) {
				return err
			}
		}
	}
	return nil
}

// stopped looks why a thread has stopped, and lets it go on or kills it.
func (t *tracer) stopped(thread int, status unix.WaitStatus) error {
	const callEnds = unix.SIGTRAP | 0x80
	signal := status.StopSignal()
	switch event := int(status) >> 16; {
	case event == unix.PTRACE_EVENT_SECCOMP:
		return t.callBegins(thread)
	case event == unix.PTRACE_EVENT_EXEC && t.clock != "":
		return errors.Join(hideVDSO(thread), ptrace(unix.PTRACE_CONT, thread, 0))
	case event != 0:
		return ptrace(unix.PTRACE_CONT, thread, 0)
	case signal == callEnds:
		return t.callEnds(thread)
	default:
		return ptrace(unix.PTRACE_CONT, thread, uintptr(signal))
	}
}

// callBegins is called before the call of a step.
func (t *tracer) callBegins(thread int) error {
	if asks, err := t.asksForTime(thread); asks || err != nil {
		return err
	}
	name, file, err := t.look(thread)
	if err != nil {
		return err
	}
	if t.record {
		if file != "" {
			err = t.tell(name, file)
		}
		return errors.Join(err, ptrace(unix.PTRACE_CONT, thread, 0))
	}
	last := t.step == len(t.steps)-1
	switch {
	case file == "" || !t.steps[t.step].matches(name, file):
		return ptrace(unix.PTRACE_CONT, thread, 0)
	case last && !t.after:
		t.found++
		if t.found >= t.nth {
			return t.kill(name, file)
		}
		return ptrace(unix.PTRACE_CONT, thread, 0)
	default:
		t.inside[thread] = file
		return ptrace(unix.PTRACE_SYSCALL, thread, 0)
	}
}

// callEnds is called after the call of a step: one that has failed does not count.
func (t *tracer) callEnds(thread int) error {
	if at, asked := t.asking[thread]; asked {
		delete(t.asking, thread)
		return errors.Join(t.falsify(thread, at), ptrace(unix.PTRACE_CONT, thread, 0))
	}
	file, begun := t.inside[thread]
	delete(t.inside, thread)
	info, err := syscallInfo(thread)
	if err != nil {
		return err
	}
	if failed := byte(info.data[1]) != 0; !begun || failed || int64(info.data[0]) < 0 {
		return ptrace(unix.PTRACE_CONT, thread, 0)
	}
	if t.step < len(t.steps)-1 {
		t.step++
		return ptrace(unix.PTRACE_CONT, thread, 0)
	}
	t.found++
	if t.found >= t.nth {
		return t.kill(t.steps[t.step].call, file)
	}
	return ptrace(unix.PTRACE_CONT, thread, 0)
}

// look tells what call a stopped thread is about to make, and on what file; "": one that
// no step can mean.
func (t *tracer) look(thread int) (name, file string, err error) {
	info, err := syscallInfo(thread)
	if err != nil {
		return "", "", err
	}
	c, ok := t.byNumber[info.data[0]]
	if !ok {
		return "", "", fmt.Errorf("stopped in call %d, which was not asked for", info.data[0])
	}
	file, err = c.file(thread, [6]uint64(info.data[1:]))
	switch {
	case errors.Is(err, unix.EFAULT), errors.Is(err, unix.ENOENT):
		return c.name, "", nil // no such memory or descriptor: the call will fail
	case err != nil:
		return c.name, "", err
	}
	below := t.under == "/" || file == t.under || strings.HasPrefix(file, t.under+"/")
	if !below && !strings.HasPrefix(file, "socket:") {
		file = ""
	}
	return c.name, file, nil
}

// kill ends the tracee in the call in which its thread is stopped.
func (t *tracer) kill(name, file string) error {
	return errors.Join(unix.Kill(t.tracee, unix.SIGKILL), t.tell(name, file))
}

func (t *tracer) tell(name, file string) error {
	_, err := fmt.Fprintln(t.out, name, file)
	return err
}

// callInfo is the kernel's struct ptrace_syscall_info. At a call's beginning its data are
// the number and the arguments; at its end, what it returned and whether that is an error.
type callInfo struct {
	op   uint8
	_    [3]uint8
	arch uint32
	ip   uint64
	sp   uint64
	data [8]uint64
}

func syscallInfo(thread int) (callInfo, error) {
	var info callInfo
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_GET_SYSCALL_INFO, uintptr(thread),
		unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info)), 0, 0)
	if errno != 0 {
		return info, errno
	}
	return info, nil
}

// ptrace makes a request about a stopped thread. To one that goes on, data is a signal
// that it gets, 0 for none.
func ptrace(request, thread int, data uintptr) error {
	if _, _, errno := unix.Syscall6(unix.SYS_PTRACE, uintptr(request), uintptr(thread), 0, data, 0, 0); errno != 0 {
		return errno
	}
	return nil
}
