package logfile

import (
	"errors"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// trap stops the code under test before a system call, does something, and lets the call
// go on (0) or fail with an error. It is a seccomp filter with a listener, so the faults
// are the kernel's own and the package needs no seam for them.
type trap struct {
	call uintptr
	when func(args [6]uint64) bool // nil: always
	do   func(n int) unix.Errno    // n counts the matching calls from 1
	hits int
}

// noLeases, not zero, is what the kernel says to a lease. It is no trap, because the Go
// runtime makes calls of fcntl during which nothing else may run.
type noLeases unix.Errno

// collector keeps the garbage collector off while traps are set: it would wait for a
// thread that is stopped in a call of the runtime's own, and the trap's server for it.
var collector struct {
	sync.Mutex
	users, percent int
}

func holdCollector() (release func()) {
	collector.Lock()
	defer collector.Unlock()
	if collector.users++; collector.users == 1 {
		collector.percent = debug.SetGCPercent(-1)
		runtime.GC() // ends a cycle that has begun
	}
	return func() {
		collector.Lock()
		defer collector.Unlock()
		if collector.users--; collector.users == 0 {
			debug.SetGCPercent(collector.percent)
		}
	}
}

// failing makes every matching call fail.
func failing(call uintptr, errno unix.Errno) *trap {
	return &trap{call: call, do: func(int) unix.Errno { return errno }}
}

// before runs f once, before the first matching call.
func before(call uintptr, f func()) *trap {
	return &trap{call: call, do: func(n int) unix.Errno {
		if n == 1 {
			f()
		}
		return 0
	}}
}

// creates matches an openat that makes a file.
func creates(args [6]uint64) bool { return args[2]&unix.O_CREAT != 0 }

// withTraps runs body on a thread of its own under the traps.
func withTraps(t *testing.T, traps []*trap, body func()) {
	t.Helper()
	if err := runTrapped(traps, 0, body); err != nil {
		t.Fatal(err)
	}
}

// withoutLeases runs body as on a file system that answers to a lease with errno.
func withoutLeases(t *testing.T, errno noLeases, body func()) {
	t.Helper()
	if err := runTrapped(nil, errno, body); err != nil {
		t.Fatal(err)
	}
}

func runTrapped(traps []*trap, lease noLeases, body func()) error {
	defer holdCollector()()
	stop, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(stop) }()
	listener := make(chan int)
	failed := make(chan error, 1)
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine, and its filter with it
		fd, err := installFilter(traps, lease)
		if err != nil {
			failed <- err
			return
		}
		listener <- fd
		body()
	}()
	select {
	case err := <-failed:
		return err
	case fd := <-listener:
		served := make(chan error, 1)
		go func() { served <- serveTraps(fd, stop, traps) }()
		<-finished
		_, err := unix.Write(stop, []byte{1, 0, 0, 0, 0, 0, 0, 0})
		return errors.Join(err, <-served, unix.Close(fd))
	}
}

// installFilter puts the calling thread under a filter and returns its listener.
func installFilter(traps []*trap, lease noLeases) (int, error) {
	const (
		load  = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		equal = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		ret   = unix.BPF_RET | unix.BPF_K

		number, secondArgument = 0, 16 + 8 // offsets in the kernel's struct seccomp_data
	)
	verdict := uint32(unix.SECCOMP_RET_ALLOW)
	if lease != 0 {
		verdict = unix.SECCOMP_RET_ERRNO | uint32(lease)
	}
	program := []unix.SockFilter{{Code: load, K: number}}
	for i, tr := range traps {
		program = append(program, unix.SockFilter{Code: equal, K: uint32(tr.call), Jt: uint8(len(traps) - i + 4)})
	}
	program = append(program,
		unix.SockFilter{Code: equal, K: unix.SYS_FCNTL, Jf: 3},
		unix.SockFilter{Code: load, K: secondArgument},
		unix.SockFilter{Code: equal, K: unix.F_SETLEASE, Jf: 1},
		unix.SockFilter{Code: ret, K: verdict},
		unix.SockFilter{Code: ret, K: unix.SECCOMP_RET_ALLOW},
		unix.SockFilter{Code: ret, K: unix.SECCOMP_RET_USER_NOTIF},
	)
	filter := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return -1, err
	}
	for _, flags := range []uintptr{unix.SECCOMP_FILTER_FLAG_NEW_LISTENER | unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, unix.SECCOMP_FILTER_FLAG_NEW_LISTENER} {
		fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&filter)))
		if errno == 0 {
			return int(fd), nil
		}
		if errno != unix.EINVAL { // the second flag is newer than the first
			return -1, errno
		}
	}
	return -1, unix.EINVAL
}

// notification and response are the kernel's struct seccomp_notif and seccomp_notif_resp.
type notification struct {
	id   uint64
	pid  uint32
	_    uint32
	nr   int32
	arch uint32
	ip   uint64
	args [6]uint64
}

type response struct {
	id    uint64
	value int64
	errno int32
	flags uint32
}

// serveTraps answers the trapped calls until stop is readable.
func serveTraps(fd, stop int, traps []*trap) error {
	for {
		poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}, {Fd: int32(stop), Events: unix.POLLIN}}
		if _, err := unix.Poll(poll, -1); err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		if poll[1].Revents != 0 {
			return nil
		}
		if poll[0].Revents&unix.POLLIN == 0 {
			continue
		}
		var n notification
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SECCOMP_IOCTL_NOTIF_RECV, uintptr(unsafe.Pointer(&n))); errno != 0 {
			if errno == unix.ENOENT || errno == unix.EINTR {
				continue // the call was interrupted and will be made again
			}
			return errno
		}
		r := response{id: n.id, flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
		for _, tr := range traps {
			if tr.call != uintptr(n.nr) || tr.when != nil && !tr.when(n.args) {
				continue
			}
			tr.hits++
			if errno := tr.do(tr.hits); errno != 0 {
				r.flags, r.errno = 0, -int32(errno)
				break
			}
		}
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SECCOMP_IOCTL_NOTIF_SEND, uintptr(unsafe.Pointer(&r))); errno != 0 && errno != unix.ENOENT {
			return errno
		}
	}
}
