package testbed

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// Surroundings are what a Debian takes itself for.
type Surroundings string

const (
	// Chroot has the processes of the machine around it, of which the first has another
	// root.
	Chroot Surroundings = "chroot"
	// ImageBuild has processes of its own, of which the first is no systemd, as where an image
	// for containers is made.
	ImageBuild Surroundings = "image build"
)

// Debian is a small Debian with dpkg, rpm and systemd's programs, in which no service runs.
// Its changes are its own: they lie over the tree that hack/setup.sh has made.
type Debian struct {
	dir    string
	tree   string
	around Surroundings
}

// NewDebian makes a Debian as it is when it was just installed.
func NewDebian(around Surroundings) (*Debian, error) {
	cache, err := cacheDir()
	if err != nil {
		return nil, err
	}
	tree, err := filepath.EvalSymlinks(filepath.Join(cache, "debian"))
	if err != nil {
		return nil, fmt.Errorf("a Debian tree is not set up, run hack/setup.sh: %w", err)
	}
	dir, err := NewFolder(baseDir)
	if err != nil {
		return nil, fmt.Errorf("make a folder for a Debian: %w", err)
	}
	d := &Debian{dir: dir, tree: tree, around: around}
	for _, folder := range []string{d.changes(), d.work(), d.root()} {
		if err := os.Mkdir(folder, 0o755); err != nil {
			return nil, errors.Join(fmt.Errorf("make a folder for a Debian: %w", err), d.Close())
		}
	}
	return d, nil
}

func (d *Debian) changes() string { return filepath.Join(d.dir, "changes") }
func (d *Debian) work() string    { return filepath.Join(d.dir, "work") }
func (d *Debian) root() string    { return filepath.Join(d.dir, "root") }

// enterTree puts the tree together where only the command sees it, so that no mount can be
// left, and runs the command in it.
const enterTree = `set -e
mount -t overlay -o "lowerdir=$1,upperdir=$2,workdir=$3" overlay "$4"
mount -t proc proc "$4/proc"
root=$4
shift 4
exec chroot "$root" "$@"`

// Run runs a command and returns what it prints to either stream. Commands are to be run
// one at a time.
func (d *Debian) Run(ctx context.Context, command ...string) (string, error) {
	args := []string{"--mount", "--propagation", "private"}
	if d.around == ImageBuild {
		args = append(args, "--pid", "--fork", "--kill-child")
	}
	args = append(args, "sh", "-c", enterTree, "sh", d.tree, d.changes(), d.work(), d.root())
	cmd := exec.CommandContext(ctx, "unshare", append(args, command...)...)
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive", "HOME=/root"}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // the command may be a child of unshare
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	output, err := cmd.CombinedOutput()
	if err != nil {
		return string(output), fmt.Errorf("%s: %w\n%s", strings.Join(command, " "), err, output)
	}
	return string(output), nil
}

// Write writes a file, between two commands.
func (d *Debian) Write(path, content string, mode os.FileMode) error {
	place := filepath.Join(d.changes(), path)
	err := os.MkdirAll(filepath.Dir(place), 0o755)
	if err == nil {
		err = os.WriteFile(place, []byte(content), mode)
	}
	if err != nil {
		return fmt.Errorf("write %q into a Debian: %w", path, err)
	}
	return nil
}

// Take copies a file of the machine into a folder of the Debian's root, between two
// commands, and returns its path there.
func (d *Debian) Take(file string) (string, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("take a file into a Debian: %w", err)
	}
	inside := "/packages/" + filepath.Base(file)
	return inside, d.Write(inside, string(content), 0o644)
}

// Changed are the files that are not as they were when the Debian was made, but for those
// that are gone, that a start would take away, and that package managers keep for
// themselves.
func (d *Debian) Changed() ([]string, error) {
	var found []string
	err := filepath.WalkDir(d.changes(), func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(path, d.changes())
		switch {
		case name == "/var/lib/dpkg", name == "/var/lib/rpm", name == "/packages", name == "/run":
			return fs.SkipDir
		case strings.HasPrefix(name, "/var/log/dpkg."), strings.HasPrefix(name, "/var/cache/"), entry.IsDir():
		case entry.Type()&fs.ModeCharDevice != 0: // gone
		default:
			found = append(found, name)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for what has changed in a Debian: %w", err)
	}
	return found, nil
}

// Close removes the Debian.
func (d *Debian) Close() error { return os.RemoveAll(d.dir) }
