package logmgr_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cri-logshim/cri-logshim/logmgr/runtimetest"
)

// TestPlantedLog: what stands in the log's place and is no log is not touched, is
// reported once a minute, and the log is taken up again when it is back.
func TestPlantedLog(t *testing.T) {
	for name, plant := range map[string]func(r *rig, path string){
		"link to a file": func(r *rig, path string) {
			r.must(os.Symlink(filepath.Join(filepath.Dir(r.dir), "victim"), path))
		},
		"link to nowhere": func(r *rig, path string) { r.must(os.Symlink("/nowhere/at/all", path)) },
		"fifo":            func(r *rig, path string) { r.must(unix.Mkfifo(path, 0o600)) },
		"directory":       func(r *rig, path string) { r.must(os.Mkdir(path, 0o700)) },
		"foreign owner": func(r *rig, path string) {
			r.must(os.WriteFile(path, make([]byte, 5*mib), 0o600))
			r.must(os.Chown(path, 12345, 12345))
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				victim := filepath.Join(filepath.Dir(r.dir), "victim")
				r.must(os.WriteFile(victim, make([]byte, 5*mib), 0o600))
				r.start()
				c := r.run("app")
				r.must(c.Print("stdout", 1, 1000))
				r.pass(300 * time.Millisecond)
				log, away := c.Path(), filepath.Join(filepath.Dir(r.dir), "away")
				r.must(r.bell.Change(log, func() error { return os.Rename(log, away) }))
				plant(r, log)
				before, err := os.Lstat(log)
				r.must(err)
				r.print(c, 1e6, 3*time.Second)
				r.pass(5*time.Minute - 3*time.Second)
				if after, err := os.Lstat(log); err != nil || !os.SameFile(before, after) || len(names(t, log)) != 1 || c.Reopens() > 0 {
					t.Errorf("what was planted: %v, files %q, %d reopens", err, names(t, log), c.Reopens())
				}
				if info, err := os.Stat(victim); err != nil || info.Size() != 5*mib {
					t.Errorf("the victim: %v, %v", info, err)
				}
				if got := len(r.journal.AllEntries()); got < 5 || got > 8 {
					t.Errorf("%d messages in five minutes", got)
				}
				r.must(os.RemoveAll(log))
				r.must(os.Rename(away, log))
				r.pass(2 * time.Second)
				r.print(c, 1e6, 3*time.Second)
				r.verify(c)
				r.inPlace(c)
				if c.Reopens() < 3 {
					t.Errorf("%d rotations after the log was back", c.Reopens())
				}
			})
		})
	}
}

// TestDirectoryIsGone: with its directory the log is lost. After the second that
// another rotator has, the directory is made again, since conmon does not survive
// without, and then the log is reopened there, once.
func TestDirectoryIsGone(t *testing.T) {
	for name, awake := range map[string]bool{"asleep": false, "awake": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.fake.Style = runtimetest.Conmon
				r.start()
				c := r.run("app")
				r.must(c.Print("stdout", 1, 1000))
				if !awake {
					r.pass(10 * time.Second)
				}
				dir := filepath.Dir(c.Path())
				r.must(r.bell.Change(c.Path(), func() error { return os.RemoveAll(dir) }))
				r.pass(900 * time.Millisecond)
				if got := len(c.Asked()); got > 0 || exists(dir) {
					t.Errorf("%d reopens at once; the directory exists: %t", got, exists(dir))
				}
				r.pass(time.Second)
				if got := c.Reopens(); got != 1 || !exists(c.Path()) {
					t.Errorf("%d reopens after a second; the log exists: %t", got, exists(c.Path()))
				}
				// The time of trouble says nothing about the next one.
				c.Script(runtimetest.Refuse())
				r.print(c, 1e6, 5*time.Second)
				if asked := c.Asked(); len(asked) < 3 || asked[2].Sub(asked[1]) > 3*time.Second {
					t.Errorf("asked at %v", asked)
				}
				r.inPlace(c)
			})
		})
	}
}

// TestDirectoryIsReplaced: by a link, which is not followed; and by another
// directory, in which the log is then looked for.
func TestDirectoryIsReplaced(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		c := r.run("app")
		r.must(c.Print("stdout", 1, 1000))
		dir := filepath.Dir(c.Path())
		elsewhere := filepath.Join(filepath.Dir(r.dir), "elsewhere")
		r.must(r.bell.Change(c.Path(), func() error { return os.RemoveAll(dir) }))
		r.must(os.MkdirAll(elsewhere, 0o755))
		r.must(os.WriteFile(filepath.Join(elsewhere, "0.log"), make([]byte, 5*mib), 0o600))
		r.must(os.Symlink(elsewhere, dir))
		r.pass(5 * time.Minute)
		if got := names(t, filepath.Join(elsewhere, "0.log")); len(got) != 1 || c.Reopens() > 0 {
			t.Errorf("files behind the link: %q, %d reopens", got, c.Reopens())
		}
		r.must(os.Remove(dir))
		r.must(os.MkdirAll(dir, 0o755))
		r.must(r.fake.ReopenLog(r.Context(), c.ID()))
		r.pass(65 * time.Second)
		if !r.managed(c) {
			t.Error("the log in the new directory is not managed")
		}
		r.inPlace(c)
	})
}

// TestDoorbellFails: a log that cannot be watched is polled.
func TestDoorbellFails(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.bell.OnArm(func() error { return errors.New("no more watches") })
		r.start()
		c := r.run("app")
		r.pass(10 * time.Minute)
		if got := r.said("cannot watch the log"); got < 9 || got > 11 {
			t.Errorf("said %d times in ten minutes that it cannot be watched", got)
		}
		r.print(c, 10e6, time.Second)
		r.pass(100 * time.Millisecond) // a rotation under way ends
		r.verify(c)
		r.inPlace(c)
	})
}
