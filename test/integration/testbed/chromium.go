package testbed

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Chromium is a browser without a window, as hack/setup.sh has unpacked it.
type Chromium struct {
	packages string // what the Debian tree lacks
	tree     string
	root     string // where the two are put together, for the browser alone
}

// InstalledChromium finds the browser. It puts its root together at an empty folder.
func InstalledChromium(folder string) (Chromium, error) {
	cache, err := cacheDir()
	if err != nil {
		return Chromium{}, err
	}
	c := Chromium{root: folder}
	for name, place := range map[string]*string{"chromium": &c.packages, "debian": &c.tree} {
		if *place, err = filepath.EvalSymlinks(filepath.Join(cache, name)); err != nil {
			return Chromium{}, fmt.Errorf("a browser is not set up, run hack/setup.sh: %w", err)
		}
	}
	return c, nil
}

// enterBrowser puts the root together where only the browser sees it, so that no mount can
// be left. Nothing in it can be written to but /tmp, which goes with the browser.
const enterBrowser = `set -e
mount -t overlay -o "lowerdir=$1:$2" overlay "$3"
mount -t tmpfs tmpfs "$3/tmp"
mount --rbind /dev "$3/dev"
mount -t proc proc "$3/proc"
root=$3
shift 3
exec chroot "$root" /usr/bin/chromium-headless-shell "$@"`

// Enter makes a command line of a browser one of this browser. All of its processes end with
// the first.
func (c Chromium) Enter(cmd *exec.Cmd) error {
	unshare, err := exec.LookPath("unshare")
	if err != nil {
		return fmt.Errorf("enter the root of the browser: %w", err)
	}
	line := []string{unshare, "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "sh", "-c", enterBrowser, "sh", c.packages, c.tree, c.root}
	cmd.Path, cmd.Args = unshare, append(line, cmd.Args[1:]...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/tmp", "LC_ALL=C.UTF-8"}
	return nil
}
