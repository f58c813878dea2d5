package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A program's clock is made wrong by answering its questions for the time of day
// (CLOCK_REALTIME) with another one. Mostly they never reach the kernel, since it has put
// code for them into the program's memory, the vDSO: that is hidden from the program,
// which then asks by system calls. Its other clocks are right, and so are the times that
// the kernel gives to files.

// hideVDSO makes a program that has just been executed find no vDSO. Where it lies is in
// the auxiliary vector, behind the arguments and the environment on the stack.
func hideVDSO(thread int) error {
	const (
		atIgnore      = 1
		atSysinfoEhdr = 33
	)
	info, err := syscallInfo(thread)
	if err != nil {
		return err
	}
	at := info.sp + 8 // after the number of arguments
	for ends := 0; ends < 2; at += 8 {
		word, err := wordAt(thread, at)
		if err != nil {
			return err
		}
		if word == 0 {
			ends++
		}
	}
	for ; ; at += 16 {
		kind, err := wordAt(thread, at)
		switch {
		case err != nil:
			return err
		case kind == 0:
			return errors.New("the program has no vDSO that could be hidden")
		case kind == atSysinfoEhdr:
			return putWord(thread, at, atIgnore)
		}
	}
}

// clockFilter lets the thread stop in clock_gettime(CLOCK_REALTIME), and goes on with what
// follows for all other calls but those for other clocks.
func clockFilter() []unix.SockFilter {
	const load = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
	const jump = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
	return []unix.SockFilter{
		{Code: load, K: callNumber},
		{Code: jump, K: unix.SYS_CLOCK_GETTIME, Jf: 4},
		{Code: load, K: firstArgument},
		{Code: jump, K: unix.CLOCK_REALTIME, Jf: 1},
		{Code: ret, K: unix.SECCOMP_RET_TRACE},
		{Code: ret, K: unix.SECCOMP_RET_ALLOW},
	}
}

// asksForTime tells whether a thread is about to ask for the time of day, and lets it.
func (t *tracer) asksForTime(thread int) (bool, error) {
	if t.clock == "" {
		return false, nil
	}
	info, err := syscallInfo(thread)
	if err != nil || info.data[0] != unix.SYS_CLOCK_GETTIME {
		return false, err
	}
	t.asking[thread] = info.data[2] // the second argument
	return true, ptrace(unix.PTRACE_SYSCALL, thread, 0)
}

// falsify changes the time that a thread has been told.
func (t *tracer) falsify(thread int, at uint64) error {
	text, err := os.ReadFile(t.clock)
	if err != nil {
		return err
	}
	wrong, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return fmt.Errorf("read how wrong the clock is: %w", err)
	}
	seconds, err := wordAt(thread, at)
	if err != nil {
		return err
	}
	return putWord(thread, at, seconds+uint64(wrong))
}

// wordAt reads eight bytes of the program's memory.
func wordAt(thread int, at uint64) (uint64, error) {
	word := make([]byte, 8)
	err := memory(thread, at, word)
	return binary.NativeEndian.Uint64(word), err
}

// putWord writes eight bytes into the program's memory.
func putWord(thread int, at, word uint64) error {
	data := binary.NativeEndian.AppendUint64(nil, word)
	local := []unix.Iovec{{Base: &data[0]}}
	local[0].SetLen(len(data))
	remote := []unix.RemoteIovec{{Base: uintptr(at), Len: len(data)}}
	if _, err := unix.ProcessVMWritev(thread, local, remote, 0); err != nil {
		return fmt.Errorf("write into the memory of process %d: %w", thread, err)
	}
	return nil
}
