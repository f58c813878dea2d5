package main

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// mount mounts at a path of the nest, which is made if it is not there.
func (n *nest) mount(source, path, kind string, flags uintptr, data string) error {
	place := n.in(path)
	if err := os.MkdirAll(place, 0o755); err != nil {
		return fmt.Errorf("mount %q: %w", path, err)
	}
	if err := unix.Mount(source, place, kind, flags, data); err != nil {
		return fmt.Errorf("mount %q: %w", path, err)
	}
	return nil
}

// readOnly makes what is seen at a path of the nest, and below it on the same mount,
// read-only there.
func (n *nest) readOnly(path string) error {
	if err := n.mount(n.in(path), path, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return err
	}
	if err := unix.Mount("", n.in(path), "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		return fmt.Errorf("make %q read-only: %w", path, err)
	}
	return nil
}

// mountRoot makes the root a mount of its own, as pivot_root wants it, and fills it.
func (n *nest) mountRoot() error {
	// First, since upper and work folder must be on one mount.
	layers := fmt.Sprintf("lowerdir=/usr,upperdir=%s,workdir=%s", n.in("usr"), n.work)
	if err := n.mount("nest", "/usr", "overlay", 0, layers); err != nil {
		return err
	}
	if err := n.mount(n.root, "/", "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return err
	}
	for _, folder := range []string{"/run", "/tmp"} {
		if err := n.mount("tmpfs", folder, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755"); err != nil {
			return err
		}
	}
	if err := os.Chmod(n.in("/tmp"), 0o777|os.ModeSticky); err != nil {
		return err
	}
	for place, folder := range n.binds {
		if err := n.mount(folder, place, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
			return err
		}
	}
	return nil
}

// mountKernel shows the kernel, and lets nobody change its settings.
func (n *nest) mountKernel() error {
	const flags = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	if err := n.mount("proc", "/proc", "proc", flags, ""); err != nil {
		return err
	}
	if err := n.mount("sysfs", "/sys", "sysfs", flags|unix.MS_RDONLY, ""); err != nil {
		return err
	}
	if err := n.readOnly("/proc/sys"); err != nil {
		return err
	}
	for setting, value := range n.settings {
		if err := n.pretend(setting, value); err != nil {
			return err
		}
	}
	return nil
}

// pretend lays a file of ours over a kernel setting.
func (n *nest) pretend(setting, value string) error {
	ours := filepath.Join(n.in("/run/nest"), setting)
	if err := os.MkdirAll(filepath.Dir(ours), 0o755); err != nil {
		return fmt.Errorf("pretend %q: %w", setting, err)
	}
	if err := os.WriteFile(ours, []byte(value+"\n"), 0o644); err != nil {
		return fmt.Errorf("pretend %q: %w", setting, err)
	}
	if err := unix.Mount(ours, filepath.Join(n.in("/proc/sys"), setting), "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("pretend %q: %w", setting, err)
	}
	return nil
}

// pivot makes the root the root, and lets go of the machine's.
func (n *nest) pivot() error {
	if err := unix.Chdir(n.root); err != nil {
		return fmt.Errorf("enter %q: %w", n.root, err)
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("make %q the root: %w", n.root, err)
	}
	// The old root lies above the new one.
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("let go of the old root: %w", err)
	}
	return unix.Chdir("/")
}
