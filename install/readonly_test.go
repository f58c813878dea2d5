package install

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// needsRoot reports a test that only root can run in the file of tests that were not run.
func needsRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if path := os.Getenv("CRI_LOGSHIM_NOT_RUN_FILE"); path != "" {
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		_, err = fmt.Fprintln(f, t.Name())
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	t.Skip("needs root: mounts a file system")
}

// readOnly makes a folder of the node one that cannot be written, until it is undone.
func (n *node) readOnly(folder string) (undo func()) {
	n.t.Helper()
	place := filepath.Join(n.root, folder)
	err := unix.Mount(place, place, "", unix.MS_BIND, "")
	if err == nil {
		err = unix.Mount("", place, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, "")
	}
	if err != nil {
		n.t.Fatal(err)
	}
	return func() {
		n.t.Helper()
		if err := unix.Unmount(place, 0); err != nil {
			n.t.Error(err)
		}
	}
}

// Where a folder cannot be written, what was never made there does not have to be taken away: the
// node is as it was before, and that is what is said.
func TestReadOnly(t *testing.T) {
	needsRoot(t)
	for _, offline := range []bool{false, true} {
		for _, folder := range []string{"etc", "usr", "var/lib/kubelet"} {
			t.Run(fmt.Sprintf("%s, of an image %t", folder, offline), func(t *testing.T) {
				n, _ := newNode(t, "kubeadm.txtar")
				n.put("etc/.keep", "", 0o600)
				before := n.files()
				undo := n.readOnly(folder)
				err := n.installer(Options{RestartKubelet: !offline, Offline: offline, RuntimeEndpoint: n.at}).Install(t.Context())
				undo()
				if !errors.Is(err, unix.EROFS) || !strings.Contains(err.Error(), "the node is as it was before") || strings.Contains(err.Error(), "remove") {
					t.Errorf("installed, or not taken back: %v", err)
				}
				n.same("taken back", before)
			})
		}
	}
}
