package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// call is a system call that a step may name.
type call struct {
	name   string
	number uintptr
	file   func(pid int, args [6]uint64) (string, error) // what it works on; "": nothing of interest
}

// calls are those that change files, or that speak to another process. Of a rename and a
// link the file is the new name. The calls of old that take no directory are not here:
// Go programs do not make them.
func calls() []call {
	return []call{
		{"create", unix.SYS_OPENAT2, createdBy},
		{"create", unix.SYS_OPENAT, createdByOpenat},
		{"renameat", unix.SYS_RENAMEAT2, pathAt(2, 3)},
		{"renameat", unix.SYS_RENAMEAT, pathAt(2, 3)},
		{"linkat", unix.SYS_LINKAT, pathAt(2, 3)},
		{"symlinkat", unix.SYS_SYMLINKAT, pathAt(1, 2)},
		{"unlinkat", unix.SYS_UNLINKAT, pathAt(0, 1)},
		{"mkdirat", unix.SYS_MKDIRAT, pathAt(0, 1)},
		{"chmod", unix.SYS_FCHMODAT, pathAt(0, 1)},
		{"chmod", unix.SYS_FCHMOD, descriptor(0)},
		{"chown", unix.SYS_FCHOWNAT, pathAt(0, 1)},
		{"chown", unix.SYS_FCHOWN, descriptor(0)},
		{"utimensat", unix.SYS_UTIMENSAT, throughProc(pathAt(0, 1))},
		{"setxattr", unix.SYS_FSETXATTR, descriptor(0)},
		{"ftruncate", unix.SYS_FTRUNCATE, descriptor(0)},
		{"fallocate", unix.SYS_FALLOCATE, descriptor(0)},
		{"fsync", unix.SYS_FSYNC, descriptor(0)},
		{"fsync", unix.SYS_FDATASYNC, descriptor(0)},
		{"write", unix.SYS_WRITE, descriptor(0)},
		{"write", unix.SYS_PWRITE64, descriptor(0)},
		{"write", unix.SYS_WRITEV, descriptor(0)},
		{"write", unix.SYS_SENDFILE, descriptor(0)},
		{"write", unix.SYS_COPY_FILE_RANGE, descriptor(2)},
		{"read", unix.SYS_READ, descriptor(0)},
	}
}

// numbersOf are the numbers of the calls of a name.
func numbersOf(name string) []uintptr {
	var numbers []uintptr
	for _, c := range calls() {
		if c.name == name {
			numbers = append(numbers, c.number)
		}
	}
	return numbers
}

// descriptor is the file of a descriptor among the arguments.
func descriptor(arg int) func(int, [6]uint64) (string, error) {
	return func(pid int, args [6]uint64) (string, error) {
		return os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", pid, int32(args[arg])))
	}
}

// pathAt is the path made of a directory's descriptor and a name among the arguments.
func pathAt(dir, name int) func(int, [6]uint64) (string, error) {
	return func(pid int, args [6]uint64) (string, error) {
		text, err := stringOf(pid, args[name])
		if err != nil {
			return "", err
		}
		if path.IsAbs(text) {
			return belowDescriptor(pid, text)
		}
		at := fmt.Sprintf("/proc/%d/cwd", pid)
		if fd := int32(args[dir]); fd != unix.AT_FDCWD {
			at = fmt.Sprintf("/proc/%d/fd/%d", pid, fd)
		}
		folder, err := os.Readlink(at)
		return path.Join(folder, text), err
	}
}

// belowDescriptor follows the link of a directory's descriptor in /proc at the beginning of
// a path.
func belowDescriptor(pid int, text string) (string, error) {
	below, is := strings.CutPrefix(text, "/proc/self/fd/")
	fd, rest, deeper := strings.Cut(below, "/")
	if !is || !deeper {
		return text, nil
	}
	folder, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", pid, fd))
	return path.Join(folder, rest), err
}

// throughProc follows the link of a descriptor in /proc.
func throughProc(file func(int, [6]uint64) (string, error)) func(int, [6]uint64) (string, error) {
	return func(pid int, args [6]uint64) (string, error) {
		name, err := file(pid, args)
		if fd := path.Base(name); err == nil && path.Dir(name) == "/proc/self/fd" {
			return os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", pid, fd))
		}
		return name, err
	}
}

// createdBy is the file of an openat2 that may make it.
func createdBy(pid int, args [6]uint64) (string, error) {
	how := make([]byte, 8) // the flags come first
	if err := memory(pid, args[2], how); err != nil {
		return "", err
	}
	if binary.NativeEndian.Uint64(how)&unix.O_CREAT == 0 {
		return "", nil
	}
	return pathAt(0, 1)(pid, args)
}

// createdByOpenat is the file of an openat that may make it.
func createdByOpenat(pid int, args [6]uint64) (string, error) {
	if args[2]&unix.O_CREAT == 0 {
		return "", nil
	}
	return pathAt(0, 1)(pid, args)
}

// stringOf reads a string of the process.
func stringOf(pid int, address uint64) (string, error) {
	const page = 4 << 10 // what follows the string's page may not be there
	var text []byte
	for len(text) < unix.PathMax {
		part := make([]byte, page-address%page)
		if err := memory(pid, address, part); err != nil {
			return "", err
		}
		rest, _, ends := bytes.Cut(part, []byte{0})
		text, address = append(text, rest...), address+uint64(len(rest))
		if ends {
			return string(text), nil
		}
	}
	return "", unix.ENAMETOOLONG
}

// memory reads from the process' memory.
func memory(pid int, address uint64, into []byte) error {
	local := []unix.Iovec{{Base: &into[0]}}
	local[0].SetLen(len(into))
	remote := []unix.RemoteIovec{{Base: uintptr(address), Len: len(into)}}
	n, err := unix.ProcessVMReadv(pid, local, remote, 0)
	if err == nil && n != len(into) {
		err = unix.EFAULT
	}
	if err != nil {
		return fmt.Errorf("read the memory of process %d: %w", pid, err)
	}
	return nil
}
