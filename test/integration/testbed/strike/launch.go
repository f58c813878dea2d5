package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Offsets in the kernel's struct seccomp_data, and how a filter ends.
const (
	callNumber    = 0
	firstArgument = 16 // its low half, on machines that begin with it
	ret           = unix.BPF_RET | unix.BPF_K
)

// launch makes a child that watches this process, puts it under the filter and becomes
// the program.
func launch(o options, args []string) error {
	// The filter is the thread's, and exec makes that thread the process.
	runtime.LockOSThread()
	program, err := exec.LookPath(o.program[0])
	if err != nil {
		return err
	}
	if err := startTracer(args); err != nil {
		return err
	}
	if err := installFilter(o.steps, o.clock != ""); err != nil {
		return fmt.Errorf("install the filter: %w", err)
	}
	return fmt.Errorf("execute %q: %w", program, syscall.Exec(program, o.program, os.Environ()))
}

// startTracer starts strike again, to watch this process until its end, and returns when
// it does.
func startTracer(args []string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	tracer := exec.Command(self, append([]string{"-tracee", strconv.Itoa(os.Getpid())}, args...)...)
	tracer.Stderr = os.Stderr
	ready, err := tracer.StdoutPipe()
	if err != nil {
		return err
	}
	if err := tracer.Start(); err != nil {
		return fmt.Errorf("start the tracer: %w", err)
	}
	if _, err := io.ReadFull(ready, make([]byte, 1)); err != nil {
		return fmt.Errorf("wait for the tracer: %w", err)
	}
	return nil
}

// installFilter makes the thread stop for its tracer in the calls of the steps, and where
// clock is set in those that ask for the time of day.
func installFilter(steps []step, clock bool) error {
	var numbers []uintptr
	for _, s := range steps {
		numbers = append(numbers, numbersOf(s.call)...)
	}
	const load = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
	const jump = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
	var program []unix.SockFilter
	if clock {
		program = append(program, clockFilter()...)
	}
	program = append(program, unix.SockFilter{Code: load, K: callNumber})
	for i, number := range numbers {
		equal := unix.SockFilter{Code: jump, K: uint32(number), Jt: uint8(len(numbers) - i)}
		program = append(program, equal)
	}
	program = append(program,
		unix.SockFilter{Code: ret, K: unix.SECCOMP_RET_ALLOW},
		unix.SockFilter{Code: ret, K: unix.SECCOMP_RET_TRACE},
	)
	filter := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&filter)))
	runtime.KeepAlive(program)
	if errno != 0 {
		return errno
	}
	return nil
}
