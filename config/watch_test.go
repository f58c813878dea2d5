package config_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cri-logshim/cri-logshim/config"
)

// patience is how long a test waits for what must happen; only a failing one
// waits so long.
const patience = 30 * time.Second

// TestWatchNotices holds, with the real inotify, that every way in which
// files are changed is noticed.
func TestWatchNotices(t *testing.T) {
	for name, test := range map[string]struct {
		prepare, change func(t *testing.T, dir string)
	}{
		"written in place": {plainFile, func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "config.yaml"), "new")
		}},
		"replaced by renaming": {plainFile, func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, ".config.yaml.swp"), "new")
			rename(t, filepath.Join(dir, ".config.yaml.swp"), filepath.Join(dir, "config.yaml"))
		}},
		"moved away and written anew": {plainFile, func(t *testing.T, dir string) {
			rename(t, filepath.Join(dir, "config.yaml"), filepath.Join(dir, "config.yaml~"))
			write(t, filepath.Join(dir, "config.yaml"), "new")
		}},
		"removed": {plainFile, func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, "config.yaml")); err != nil {
				t.Fatal(err)
			}
		}},
		"created": {func(*testing.T, string) {}, plainFile},
		"ConfigMap swapped": {configMap, func(t *testing.T, dir string) {
			mkdir(t, filepath.Join(dir, "..2002"))
			write(t, filepath.Join(dir, "..2002", "config.yaml"), "new")
			symlink(t, "..2002", filepath.Join(dir, "..data_tmp"))
			rename(t, filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data"))
			if err := os.RemoveAll(filepath.Join(dir, "..2001")); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			test.prepare(t, dir)
			w := startWatch(t, filepath.Join(dir, "config.yaml"))
			w.waitForCall(t)
			test.change(t, dir)
			w.waitForCall(t)
			w.stop(t)
		})
	}
}

// TestWatchGoesOn holds that a change after a change is noticed.
func TestWatchGoesOn(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "config.yaml")
	w := startWatch(t, path)
	w.waitForCall(t)
	for _, text := range []string{"1", "2", "3"} {
		write(t, path, text)
		w.waitForCall(t)
	}
	w.stop(t)
}

func TestWatchEndsWithItsDirectory(t *testing.T) {
	defer goleak.VerifyNone(t)
	dir := filepath.Join(t.TempDir(), "conf")
	mkdir(t, dir)
	w := startWatch(t, filepath.Join(dir, "config.yaml"))
	w.waitForCall(t)
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if err := w.wait(t); err == nil {
		t.Error("no error though the directory is gone")
	}
	if err := config.Watch(t.Context(), filepath.Join(dir, "config.yaml"), func() {}); err == nil {
		t.Error("no error though the directory is absent")
	}
}

// watching is a Watch in the background.
type watching struct {
	calls  chan struct{}
	ended  chan error
	cancel context.CancelFunc
}

func startWatch(t *testing.T, path string) watching {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	w := watching{calls: make(chan struct{}, 100), ended: make(chan error, 1), cancel: cancel}
	go func() { w.ended <- config.Watch(ctx, path, func() { w.calls <- struct{}{} }) }()
	return w
}

func (w watching) waitForCall(t *testing.T) {
	t.Helper()
	select {
	case <-w.calls:
	case err := <-w.ended:
		t.Fatalf("watch ended: %v", err)
	case <-time.After(patience):
		t.Fatal("the change was not noticed")
	}
}

func (w watching) wait(t *testing.T) error {
	t.Helper()
	select {
	case err := <-w.ended:
		return err
	case <-time.After(patience):
		t.Fatal("the watch does not end")
		return nil
	}
}

// stop ends the watch and looks for what it left.
func (w watching) stop(t *testing.T) {
	t.Helper()
	w.cancel()
	if err := w.wait(t); err != nil {
		t.Errorf("the watch ended with: %v", err)
	}
	goleak.VerifyNone(t, goleak.IgnoreTopFunction("testing.(*T).Run"))
}

func plainFile(t *testing.T, dir string) {
	t.Helper()
	write(t, filepath.Join(dir, "config.yaml"), "old")
}

// configMap lays a directory out as kubelet does for a mounted ConfigMap.
func configMap(t *testing.T, dir string) {
	t.Helper()
	mkdir(t, filepath.Join(dir, "..2001"))
	write(t, filepath.Join(dir, "..2001", "config.yaml"), "old")
	symlink(t, "..2001", filepath.Join(dir, "..data"))
	symlink(t, filepath.Join("..data", "config.yaml"), filepath.Join(dir, "config.yaml"))
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func mkdir(t *testing.T, path string) {
	t.Helper()
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func symlink(t *testing.T, target, path string) {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}
