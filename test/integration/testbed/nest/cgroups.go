package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

const cgroupRoot = "/sys/fs/cgroup"

// enterCgroups moves this process into a cgroup of its own in every hierarchy, and makes
// those what it sees as the roots.
func (n *nest) enterCgroups() error {
	for _, hierarchy := range hierarchies() {
		if err := enter(filepath.Join(cgroupRoot, hierarchy), n.cgroup); err != nil {
			return fmt.Errorf("enter cgroup %q of %q: %w", n.cgroup, hierarchy, err)
		}
	}
	if err := unix.Unshare(unix.CLONE_NEWCGROUP); err != nil {
		return fmt.Errorf("make a cgroup namespace: %w", err)
	}
	return nil
}

// hierarchies are the folders of the machine's cgroup hierarchies: one for each
// controller or group of them (version 1), or the one that there is (version 2).
func hierarchies() []string {
	entries, err := os.ReadDir(cgroupRoot)
	if err != nil || isUnified(cgroupRoot) {
		return []string{"."}
	}
	var found []string
	for _, entry := range entries {
		if entry.IsDir() { // and no link, as those to a group of controllers are
			found = append(found, entry.Name())
		}
	}
	return found
}

func isUnified(folder string) bool {
	var s unix.Statfs_t
	return unix.Statfs(folder, &s) == nil && s.Type == unix.CGROUP2_SUPER_MAGIC
}

func enter(hierarchy, name string) error {
	folder := filepath.Join(hierarchy, name)
	if err := os.Mkdir(folder, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	// A new cpuset has no processor, and nobody can enter it.
	for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
		value, err := os.ReadFile(filepath.Join(hierarchy, file))
		if errors.Is(err, fs.ErrNotExist) || isUnified(hierarchy) {
			continue
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, file), value, 0)
		}
		if err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(folder, "cgroup.procs"), []byte("0"), 0)
}

// mountCgroups shows the nest its own cgroups in the form that the machine has them.
func (n *nest) mountCgroups() error {
	const flags = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	if isUnified(cgroupRoot) {
		return n.mount("cgroup", cgroupRoot, "cgroup2", flags, "")
	}
	if err := n.mount("tmpfs", cgroupRoot, "tmpfs", flags, "mode=755"); err != nil {
		return err
	}
	for _, hierarchy := range hierarchies() {
		kind, data := "cgroup", hierarchy
		switch {
		case isUnified(filepath.Join(cgroupRoot, hierarchy)):
			kind, data = "cgroup2", ""
		case !isController(hierarchy):
			data = "none,name=" + hierarchy
		}
		if err := n.mount("cgroup", filepath.Join(cgroupRoot, hierarchy), kind, flags, data); err != nil {
			return err
		}
	}
	return nil
}

// isController tells a controller, or a group of them, from a hierarchy that only has a
// name, as systemd's has.
func isController(hierarchy string) bool {
	known, err := os.ReadFile("/proc/cgroups")
	if err != nil {
		return false
	}
	first, _, _ := strings.Cut(hierarchy, ",")
	return strings.Contains("\n"+string(known), "\n"+first+"\t")
}
