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
const patience = 2 * time.Minute

// TestWatchNotices holds, with the real inotify, that every way in which
// files are changed is noticed.
func TestWatchNotices(t *testing.T) {
	for name, test := range map[string]struct{ prepare, change func(files) }{
		"written in place": {plainFile, func(f files) {
			f.write("config.yaml", "new")
		}},
		"replaced by renaming": {plainFile, func(f files) {
			f.write(".config.yaml.swp", "new")
			f.rename(".config.yaml.swp", "config.yaml")
		}},
		"moved away and written anew": {plainFile, func(f files) {
			f.rename("config.yaml", "config.yaml~")
			f.write("config.yaml", "new")
		}},
		"removed":           {plainFile, func(f files) { f.remove("config.yaml") }},
		"created":           {func(files) {}, plainFile},
		"ConfigMap swapped": {configMap, swapConfigMap},
	} {
		t.Run(name, func(t *testing.T) {
			f := files{t: t, dir: t.TempDir()}
			test.prepare(f)
			w := startWatch(t, filepath.Join(f.dir, "config.yaml"))
			w.waitForCall(t)
			test.change(f)
			w.waitForCall(t)
			w.stop(t)
		})
	}
}

// TestWatchGoesOn holds that a change after a change is noticed.
func TestWatchGoesOn(t *testing.T) {
	f := files{t: t, dir: t.TempDir()}
	w := startWatch(t, filepath.Join(f.dir, "config.yaml"))
	w.waitForCall(t)
	for _, text := range []string{"1", "2", "3"} {
		f.write("config.yaml", text)
		w.waitForCall(t)
	}
	w.stop(t)
}

func TestWatchEndsWithItsDirectory(t *testing.T) {
	defer goleak.VerifyNone(t)
	f := files{t: t, dir: t.TempDir()}
	f.mkdir("conf")
	dir := filepath.Join(f.dir, "conf")
	w := startWatch(t, filepath.Join(dir, "config.yaml"))
	w.waitForCall(t)
	f.remove("conf")
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

func plainFile(f files) {
	f.write("config.yaml", "old")
}

// configMap lays a directory out as kubelet does for a mounted ConfigMap.
func configMap(f files) {
	f.mkdir("..2001")
	f.write("..2001/config.yaml", "old")
	f.symlink("..2001", "..data")
	f.symlink("..data/config.yaml", "config.yaml")
}

func swapConfigMap(f files) {
	f.mkdir("..2002")
	f.write("..2002/config.yaml", "new")
	f.symlink("..2002", "..data_tmp")
	f.rename("..data_tmp", "..data")
	f.remove("..2001")
}

// files changes what is in a directory, and ends the test where it cannot.
type files struct {
	t   *testing.T
	dir string
}

func (f files) write(name, text string) {
	f.t.Helper()
	f.must(os.WriteFile(filepath.Join(f.dir, name), []byte(text), 0o600))
}

func (f files) mkdir(name string) {
	f.t.Helper()
	f.must(os.Mkdir(filepath.Join(f.dir, name), 0o700))
}

func (f files) rename(from, to string) {
	f.t.Helper()
	f.must(os.Rename(filepath.Join(f.dir, from), filepath.Join(f.dir, to)))
}

func (f files) symlink(target, name string) {
	f.t.Helper()
	f.must(os.Symlink(target, filepath.Join(f.dir, name)))
}

func (f files) remove(name string) {
	f.t.Helper()
	f.must(os.RemoveAll(filepath.Join(f.dir, name)))
}

func (f files) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}
