package testbed

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
)

// The containerds that hack/setup.sh puts in place.
const (
	Newest = "2.4.2"  // speaks CRI v1 with every Stream call
	Middle = "1.7.35" // the last of its line; tells each container event to one client only
	Oldest = "1.6.20" // speaks CRI v1 and v1alpha2
	Demo   = "demo"   // the machine's own, or else Newest
)

// Install is a containerd that is ready to be started, and what it needs.
type Install struct {
	Version string // as the containerd itself says it, without a "v"
	Folder  string // of containerd, its shim and ctr
	Runc    string
	Busybox string // static
	// LogLevel is how much containerd logs itself; empty: as it does by default.
	LogLevel string
	// VarLog shows a folder of the testbed as /var/log to containerd and to the kubelet and
	// the shim before it, which then have their folders of logs there by default.
	VarLog bool
}

// Installed finds the containerd of a version, or Demo, in the cache.
func Installed(version string) (Install, error) {
	cache, err := cacheDir()
	if err != nil {
		return Install{}, err
	}
	i := Install{
		Version: version,
		Folder:  filepath.Join(cache, "containerd-"+version, "bin"),
		Runc:    filepath.Join(cache, "tools", "runc"),
		Busybox: filepath.Join(cache, "tools", "busybox"),
	}
	for _, file := range []string{i.containerd(), i.ctr(), i.Runc, i.Busybox} {
		if _, err := os.Stat(file); err != nil {
			return Install{}, fmt.Errorf("containerd %s is not set up, run hack/setup.sh: %w", version, err)
		}
	}
	if version == Demo {
		return i.ask()
	}
	return i, nil
}

func (i Install) containerd() string { return filepath.Join(i.Folder, "containerd") }
func (i Install) ctr() string        { return filepath.Join(i.Folder, "ctr") }

// cacheDir is where hack/setup.sh keeps what it makes.
func cacheDir() (string, error) {
	if dir := os.Getenv("CRI_LOGSHIM_CACHE"); dir != "" {
		return dir, nil
	}
	if os.Geteuid() == 0 {
		return "/var/cache/cri-logshim", nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache directory: %w", err)
	}
	return filepath.Join(dir, "cri-logshim"), nil
}

// ask fills in the version that the containerd itself says it has.
func (i Install) ask() (Install, error) {
	out, err := exec.Command(i.containerd(), "--version").Output()
	if err != nil {
		return Install{}, fmt.Errorf("ask %q for its version: %w", i.containerd(), err)
	}
	version := regexp.MustCompile(`\bv?(\d+\.\d+\.\d+)`).FindSubmatch(out)
	if version == nil {
		return Install{}, fmt.Errorf("ask %q for its version: it says %q", i.containerd(), out)
	}
	i.Version = string(version[1])
	return i, nil
}
