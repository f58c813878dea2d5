// Command probe tries what a service has no business to do, and some that it has, and says
// of each attempt whether it was allowed. It changes nothing that lasts. It is run as a
// service under the sandbox of cri-logshim's unit, and once without, where everything is
// allowed. There is to be a file /root/secret, a socket /run/docker.sock, and the files of a
// container "c" of Docker's.
//
//	write /etc: allowed
//	load a module: operation not permitted
package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

func main() {
	runtime.LockOSThread() // what a thread gets for itself goes with it
	for _, attempt := range []struct {
		name string
		try  func() error
	}{
		{"write /etc", create("/etc")},
		{"write /usr", create("/usr/local")},
		{"write /var/lib", create("/var/lib")},
		{"write /root", create("/root")},
		{"read /root", func() error { _, err := os.ReadFile("/root/secret"); return err }},
		{"connect to Docker Engine", connect},
		{"read what Docker keeps", func() error { _, err := os.ReadFile("/var/lib/docker/containers/c/hostconfig.json"); return err }},
		{"write what Docker keeps", func() error { return writable("/var/lib/docker/containers/c/c-json.log") }},
		{"mount", mount},
		{"trace process 1", trace},
		{"read the memory of process 1", func() error { return readMemory(1) }},
		{"open a raw socket", func() error { return socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP) }},
		{"open a packet socket", func() error { return socket(unix.AF_PACKET, unix.SOCK_DGRAM, 0) }},
		{"load a module", module},
		{"set the clock", clock},
		{"set the host name", func() error { return unix.Sethostname(hostname()) }},
		{"make a device", device},
		{"become another user", func() error { return unix.Setfsuid(65534) }},
		{"map memory to write and execute", executable},
		{"make a namespace", func() error { return unix.Unshare(unix.CLONE_NEWUTS) }},
	} {
		if err := attempt.try(); err != nil {
			fmt.Printf("%s: %v\n", attempt.name, err)
		} else {
			fmt.Printf("%s: allowed\n", attempt.name)
		}
	}
}

func create(folder string) func() error {
	return func() error {
		file, err := os.CreateTemp(folder, "probe-")
		if err != nil {
			return err
		}
		return errors.Join(file.Close(), os.Remove(file.Name()))
	}
}

func mount() error {
	place, err := os.MkdirTemp("", "probe-")
	if err != nil {
		return err
	}
	if err = unix.Mount("tmpfs", place, "tmpfs", 0, ""); err == nil {
		err = unix.Unmount(place, 0)
	}
	return errors.Join(err, os.Remove(place))
}

// trace ends with this process, without having stopped the other one.
func trace() error {
	if _, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_SEIZE, 1, 0, 0, 0, 0); errno != 0 {
		return errno
	}
	return nil
}

// readMemory asks for nothing at address 0: who may not ask hears of that first.
func readMemory(pid int) error {
	local, remote := []unix.Iovec{{Base: new(byte), Len: 1}}, []unix.RemoteIovec{{Base: 0, Len: 1}}
	if _, err := unix.ProcessVMReadv(pid, local, remote, 0); !errors.Is(err, unix.EFAULT) {
		return err
	}
	return nil
}

func socket(domain, kind, protocol int) error {
	fd, err := unix.Socket(domain, kind, protocol)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

func connect() error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	return errors.Join(unix.Connect(fd, &unix.SockaddrUnix{Name: "/run/docker.sock"}), unix.Close(fd))
}

// writable opens a file for writing and leaves it as it is.
func writable(name string) error {
	file, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return file.Close()
}

// module offers none: who may load one hears that it is not in order, or that this kernel
// takes none.
func module() error {
	err := unix.InitModule(nil, "")
	if errors.Is(err, unix.ENOEXEC) || errors.Is(err, unix.EFAULT) || errors.Is(err, unix.ENOSYS) {
		return nil
	}
	return err
}

// clock sets neither the time nor the zone, which needs the same right.
func clock() error {
	if _, _, errno := unix.Syscall(unix.SYS_SETTIMEOFDAY, 0, 0, 0); errno != 0 {
		return errno
	}
	return nil
}

// hostname is the one that there is.
func hostname() []byte {
	name, err := os.Hostname()
	if err != nil {
		return nil
	}
	return []byte(name)
}

func device() error {
	const name = "/tmp/probe-device"
	if err := unix.Mknod(name, unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3))); err != nil {
		return err
	}
	return os.Remove(name)
}

func executable() error {
	memory, err := unix.Mmap(-1, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE|unix.PROT_EXEC, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return err
	}
	return unix.Munmap(memory)
}
