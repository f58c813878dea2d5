package bypass_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/cri-logshim/cri-logshim/bypass"
)

// All that was made goes, and the folders with it; what somebody else has put there stays, a
// socket that is served too.
func TestClear(t *testing.T) {
	made := func(t *testing.T) bypass.Endpoints {
		t.Helper()
		e := newNode(t)
		e.Link = filepath.Join(filepath.Dir(e.Shim), "run", "crio", "crio.sock")
		if err := errors.Join(e.Save(t.Context()), e.Lead(t.Context(), bypass.State{})); err != nil {
			t.Fatal(err)
		}
		return e
	}
	socket := func(t *testing.T, path string) *net.UnixListener {
		t.Helper()
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		l.SetUnlinkOnClose(false)
		return l
	}
	for name, test := range map[string]struct {
		put func(t *testing.T, e bypass.Endpoints) (stays string)
	}{
		"as it was made": {put: func(*testing.T, bypass.Endpoints) string { return "" }},
		"a socket that nobody serves": {put: func(t *testing.T, e bypass.Endpoints) string {
			t.Helper()
			socket(t, e.Shim).Close()
			return ""
		}},
		"a socket that is served": {put: func(t *testing.T, e bypass.Endpoints) string {
			t.Helper()
			socket(t, e.Shim)
			return e.Shim
		}},
		"another's file": {put: func(t *testing.T, e bypass.Endpoints) string {
			t.Helper()
			path := filepath.Join(filepath.Dir(e.Link), "theirs")
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}},
		"no link": {put: func(t *testing.T, e bypass.Endpoints) string {
			t.Helper()
			if err := os.Remove(e.Link); err != nil {
				t.Fatal(err)
			}
			socket(t, e.Link)
			return e.Link
		}},
	} {
		t.Run(name, func(t *testing.T) {
			e := made(t)
			stays := test.put(t, e)
			if err := errors.Join(e.Clear(t.Context()), e.Clear(t.Context())); err != nil {
				t.Fatal(err)
			}
			var left []string
			err := filepath.WalkDir(filepath.Dir(filepath.Dir(e.Shim)), func(path string, entry os.DirEntry, err error) error {
				if err == nil && !entry.IsDir() {
					left = append(left, path)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if stays == "" {
				if _, err := os.Stat(filepath.Dir(e.Shim)); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("the folder stays (%v), with %q", err, left)
				}
				return
			}
			if len(left) != 1 || left[0] != stays {
				t.Errorf("there stay %q, want %q", left, stays)
			}
		})
	}
}
