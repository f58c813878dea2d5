package install

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// Folders that are made are open to everybody, whatever the operator's umask is, but for those
// of the record, also where nothing of their path is there yet.
func TestFolders(t *testing.T) {
	n, _ := newNode(t, "crio.txtar")
	if err := os.RemoveAll(filepath.Join(n.root, "var")); err != nil {
		t.Fatal(err)
	}
	defer syscall.Umask(syscall.Umask(0o077))
	if err := n.installer(Options{}).Install(t.Context()); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]os.FileMode{
		"/var": 0o755, "/var/lib": 0o755, stateFolder: 0o700, backupFolder: 0o700,
		"/etc/cri-logshim": 0o755, "/usr/local/lib/systemd": 0o755, "/usr/local/lib/systemd/system": 0o755,
	} {
		info, err := os.Stat(filepath.Join(n.root, path))
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %#o, want %#o", path, got, want)
		}
	}
}
