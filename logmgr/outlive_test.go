package logmgr_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
	"github.com/cri-logshim/cri-logshim/logmgr/runtimetest"
)

// keeping sets a manager up that keeps logs for d after their pod.
func (r *rig) keeping(limit int64, d time.Duration) {
	r.policy = policyOf(limit, 100, logfile.Gzip, 10*time.Second)
	r.policy.KeepAfterRemoval = d
	r.options.KeepDir = filepath.Join(filepath.Dir(r.dir), "log", "kept")
}

// kept is where a container's log has its second name.
func (r *rig) kept(c *runtimetest.Container) string {
	return filepath.Join(r.options.KeepDir, strings.TrimPrefix(c.Path(), r.dir))
}

// wantKept makes sure that keepDir has every line that was written, once, in order.
func (r *rig) wantKept(c *runtimetest.Container) {
	r.Helper()
	if err := runtimetest.Verify(r.options.KeepDir, r.kept(c), c.Written()); err != nil {
		r.Errorf("%s in keepDir: %v", c.ID(), err)
	}
}

// evict ends a container and its pod the way kubelet does: the logs go first.
func (r *rig) evict(c *runtimetest.Container) {
	r.Helper()
	r.exit(c)
	r.pass(time.Second)
	r.must(os.RemoveAll(filepath.Dir(filepath.Dir(c.Path()))))
	r.remove(c)
	r.pass(time.Second)
}

// TestLogsOutliveTheirPod for as long as they are to, whether the daemon goes on or is
// started anew, and whether their log was rotated or not; then nothing of them is left.
func TestLogsOutliveTheirPod(t *testing.T) {
	for _, limit := range []int64{100 * kib, -1} {
		for _, restart := range []bool{false, true} {
			t.Run(fmt.Sprint(limit, " ", restart), func(t *testing.T) {
				bubble(t, func(t *testing.T, r *rig) {
					r.keeping(limit, time.Hour)
					r.start()
					c := r.run("app")
					if limit > 0 {
						r.rotate(c, 4)
					}
					r.must(c.Print("stdout", 10, 100))
					r.pass(15 * time.Second)
					r.wantKept(c)
					r.evict(c)
					if exists(filepath.Dir(c.Path())) {
						t.Fatal("the pod's directory is there again")
					}
					r.wantKept(c)
					if restart {
						r.stop()
						r.start()
					}
					r.pass(58 * time.Minute)
					r.wantKept(c)
					for _, name := range names(t, r.kept(c)) {
						if name != ".term" && !strings.HasSuffix(name, ".gz") {
							t.Errorf("%s is still plain", name)
						}
					}
					if n := r.metric("kept_files"); n != float64(len(names(t, r.kept(c)))-1) {
						t.Errorf("%v files are counted", n)
					}
					r.pass(5 * time.Minute)
					if left := names(t, filepath.Join(r.options.KeepDir, "x")); len(left) != 0 {
						t.Errorf("left in keepDir: %q", left)
					}
					if n := r.metric("kept_files"); n != 0 {
						t.Errorf("%v files are counted", n)
					}
				})
			})
		}
	}
}

// TestRemovedWhileItIsWritten: the directory goes under a writer's feet, and what it
// writes into the file without a name is kept too.
func TestRemovedWhileItIsWritten(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.keeping(100*kib, time.Hour)
		r.start()
		c := r.run("app")
		r.rotate(c, 3)
		for range 3 {
			r.must(c.Print("stdout", 20, 1000))
			r.must(os.RemoveAll(filepath.Dir(filepath.Dir(c.Path()))))
			r.must(c.Print("stdout", 20, 1000))
			r.must(c.Print("stderr", 20, 1000))
			r.pass(5 * time.Second) // the log is missed and reopened
			r.must(c.Print("stdout", 20, 1000))
			r.pass(time.Second)
			r.rotate(c, 1)
			r.wantKept(c)
		}
		r.pass(time.Minute)
		r.wantKept(c)
		r.evict(c)
		r.wantKept(c)
	})
}

// TestKeepingIsSwitchedOff: logs that are there lose their second names, and what
// outlives its pod already stays for the time that it was promised.
func TestKeepingIsSwitchedOff(t *testing.T) {
	for _, restart := range []bool{false, true} {
		bubble(t, func(t *testing.T, r *rig) {
			r.keeping(100*kib, time.Hour)
			r.start()
			gone, stays := r.run("gone"), r.run("stays")
			r.rotate(gone, 2)
			r.rotate(stays, 2)
			r.evict(gone)
			if restart {
				r.stop()
			}
			r.policy.KeepAfterRemoval = 0
			if restart {
				r.start()
			} else {
				r.setPolicy(r.policy)
			}
			r.pass(time.Minute)
			r.wantKept(gone)
			r.rotate(stays, 2)
			r.verify(stays)
			if exists(r.kept(stays)) {
				t.Errorf("second names of a log that is kept no longer: %q", names(t, r.kept(stays)))
			}
			r.pass(65 * time.Minute)
			if exists(filepath.Dir(r.kept(gone))) {
				t.Errorf("still there: %q", names(t, r.kept(gone)))
			}
			r.verify(stays)
		})
	}
}

// TestBothNamesAreRemoved: what the policy removes is not kept, and what somebody else
// removes of a container that lives counts among its files, so that a container that
// crashes in a loop cannot pile it up.
func TestBothNamesAreRemoved(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.keeping(100*kib, time.Hour)
		r.policy.MaxFiles = 4
		r.start()
		var before *runtimetest.Container
		for n := range uint32(6) {
			c := r.again("app", n)
			r.rotate(c, 2)
			r.must(c.Print("stdout", 3, 1000))
			r.exit(c)
			r.pass(time.Second)
			if before != nil { // kubelet keeps one dead attempt
				for _, name := range names(t, before.Path()) {
					if strings.HasPrefix(name, filepath.Base(before.Path())) {
						r.must(os.Remove(filepath.Join(filepath.Dir(before.Path()), name)))
					}
				}
				r.remove(before)
				r.pass(time.Second)
			}
			before = c
		}
		r.pass(time.Minute)
		if got := names(t, r.kept(before)); len(got) > 2+4 { // two current logs, and the term
			t.Errorf("in keepDir: %q", got)
		}
		if got := names(t, before.Path()); len(got) > 4 {
			t.Errorf("in the pod's directory: %q", got)
		}
	})
}

// TestKeepDirOnAnotherFileSystem: logs are managed as if nobody wanted them kept, the
// reason is told, and once it has gone they are kept, also those that sleep.
func TestKeepDirOnAnotherFileSystem(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.keeping(100*kib, time.Hour)
		r.must(os.MkdirAll(r.options.KeepDir, 0o700))
		r.must(unix.Mount("tmpfs", r.options.KeepDir, "tmpfs", 0, "mode=700"))
		mounted := true
		defer func() {
			if mounted {
				r.must(unix.Unmount(r.options.KeepDir, unix.MNT_DETACH))
			}
		}()
		r.start()
		c := r.run("app")
		r.rotate(c, 3)
		r.pass(10 * time.Minute)
		r.verify(c)
		trouble := strings.Join(r.Trouble(), "; ")
		for _, want := range []string{r.dir, r.options.KeepDir, "one mount"} {
			if !strings.Contains(trouble, want) {
				t.Errorf("the trouble is %q, without %q", trouble, want)
			}
		}
		if n := r.said("are not kept"); n < 9 || n > 12 {
			t.Errorf("said %d times in ten minutes", n)
		}
		r.must(unix.Unmount(r.options.KeepDir, unix.MNT_DETACH))
		mounted = false
		r.pass(2 * time.Minute)
		if trouble := r.Trouble(); len(trouble) != 0 {
			t.Errorf("trouble: %q", trouble)
		}
		r.wantKept(c)
		r.evict(c)
		r.wantKept(c)
	})
}
