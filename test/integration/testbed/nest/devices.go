package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// makeDevices makes the few devices that every container has, and no disk.
func (n *nest) makeDevices() error {
	if err := n.mount("tmpfs", "/dev", "tmpfs", unix.MS_NOSUID, "mode=755"); err != nil {
		return err
	}
	for name, minor := range map[string][2]uint32{
		"null": {1, 3}, "zero": {1, 5}, "full": {1, 7}, "random": {1, 8}, "urandom": {1, 9}, "tty": {5, 0},
	} {
		path := n.in("/dev/" + name)
		if err := unix.Mknod(path, unix.S_IFCHR|0o666, int(unix.Mkdev(minor[0], minor[1]))); err != nil {
			return fmt.Errorf("make device %q: %w", name, err)
		}
		if err := os.Chmod(path, 0o666); err != nil {
			return err
		}
	}
	for name, target := range map[string]string{
		"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2", "ptmx": "pts/ptmx",
		"kmsg": "null", // the kernel's messages are the machine's; kubelet wants to read some
	} {
		if err := os.Symlink(target, n.in("/dev/"+name)); err != nil {
			return err
		}
	}
	if err := n.mount("devpts", "/dev/pts", "devpts", unix.MS_NOSUID|unix.MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620"); err != nil {
		return err
	}
	if err := n.mount("tmpfs", "/dev/shm", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=1777"); err != nil {
		return err
	}
	return n.makeConsole()
}

func (n *nest) makeConsole() error {
	place := n.in("/dev/console")
	if err := os.WriteFile(place, nil, 0o600); err != nil {
		return err
	}
	if err := unix.Mount(n.console, place, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("make the console: %w", err)
	}
	return nil
}
