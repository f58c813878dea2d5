package logmgr_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cri-logshim/cri-logshim/logmgr"
	"github.com/cri-logshim/cri-logshim/logmgr/runtimetest"
)

// withoutDescriptors runs f while no descriptor can be opened in this process.
func withoutDescriptors(t *testing.T, f func()) {
	t.Helper()
	var before unix.Rlimit
	if err := unix.Prlimit(0, unix.RLIMIT_NOFILE, nil, &before); err != nil {
		t.Fatal(err)
	}
	none := unix.Rlimit{Max: before.Max}
	if err := unix.Prlimit(0, unix.RLIMIT_NOFILE, &none, nil); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Prlimit(0, unix.RLIMIT_NOFILE, &before, nil); err != nil {
			t.Error(err)
		}
	}()
	if file, err := os.Open(os.DevNull); !errors.Is(err, unix.EMFILE) {
		t.Fatalf("opened %v: %v", file, err)
	}
	f()
}

// TestOutOfWatches: where the kernel has no more watches, quiet logs are looked at
// once a second, which one warning for all of them tells, and are rotated all the same;
// when there are watches again, each takes one.
func TestOutOfWatches(t *testing.T) {
	for _, lack := range []error{unix.ENOSPC, unix.EMFILE} {
		t.Run(lack.Error(), func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				const logs = 20
				r.bell.OnArm(func() error { return fmt.Errorf("watch: %w", lack) })
				r.start()
				var all []*runtimetest.Container
				for i := range logs {
					all = append(all, r.run(fmt.Sprint("app", i)))
				}
				r.pass(10 * time.Second)
				if got := r.metric("logs_polled"); got != logs {
					t.Errorf("%v logs are polled, want %d", got, logs)
				}
				arms := r.bell.Arms()
				r.pass(10 * time.Minute)
				if got := r.bell.Arms() - arms; got > logs*10*60 {
					t.Errorf("%d looks in ten minutes, more than one a second for each log", got)
				}
				if got := r.said("out of inotify watches"); got != 1 {
					t.Errorf("said %d times that there are no watches", got)
				}
				if got := r.said("cannot watch the log"); got > 0 {
					t.Errorf("said %d times of single logs that they cannot be watched", got)
				}
				r.must(all[7].Print("stdout", 2000, 1000))
				r.pass(1100 * time.Millisecond)
				if all[7].Reopens() != 1 {
					t.Errorf("%d reopens of a polled log that has reached its limit", all[7].Reopens())
				}
				r.verify(all[7])

				r.remove(all[0])
				r.bell.OnArm(nil)
				r.pass(5 * time.Second)
				if got := r.metric("logs_polled"); got != 0 || r.bell.Armed() != logs-1 {
					t.Errorf("%v logs are still polled, %d watched", got, r.bell.Armed())
				}
				if got := r.said("no log is polled any longer"); got != 1 {
					t.Errorf("said %d times that all is well again", got)
				}
			})
		})
	}
}

// TestWatchesComeAndGo: a log that is now and then the one too many fills no journal.
func TestWatchesComeAndGo(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		c := r.run("app")
		for range 100 {
			r.bell.OnArm(func() error { return unix.ENOSPC })
			r.must(c.Print("stdout", 1, 100))
			r.pass(5 * time.Second)
			r.bell.OnArm(nil)
			r.pass(5 * time.Second)
			if r.metric("logs_polled") != 0 {
				t.Fatal("the log is still polled")
			}
		}
		if warned, cleared := r.said("out of inotify watches"), r.said("no log is polled"); warned != 1 || cleared != 1 {
			t.Errorf("said %d times that watches have run out and %d times that they are back", warned, cleared)
		}
	})
}

// TestPolledLogRipens: an age is kept by a log that is polled.
func TestPolledLogRipens(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.policy.MaxAge = 90*time.Second + 300*time.Millisecond
		r.bell.OnArm(func() error { return unix.ENOSPC })
		r.start()
		c := r.run("app")
		r.pass(5 * time.Second)
		r.must(c.Print("stdout", 1, 100))
		r.pass(90 * time.Second)
		if c.Reopens() > 0 {
			t.Error("rotated too early")
		}
		r.pass(1500 * time.Millisecond)
		if c.Reopens() != 1 {
			t.Errorf("%d rotations at its age", c.Reopens())
		}
	})
}

// TestOutOfDescriptors: logs keep the descriptors that they have and are rotated; those
// that need one are managed when there are some again. One warning a minute tells of it.
func TestOutOfDescriptors(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		const late = 10
		r.start()
		early := r.run("early")
		r.pass(5 * time.Second)
		var all []*runtimetest.Container
		for i := range late {
			all = append(all, r.behind(r.facts(fmt.Sprint("app", i))))
		}
		withoutDescriptors(t, func() {
			for i, c := range all {
				r.Created(r.facts(fmt.Sprint("app", i)))
				r.Started(c.ID(), false)
			}
			synctest.Wait()
			r.pass(10 * time.Minute)
			if got := r.said("out of file descriptors"); got < 9 || got > 11 {
				t.Errorf("said %d times in ten minutes that there are no descriptors", got)
			}
			if got := r.said("cannot open the log's directory"); got > 0 {
				t.Errorf("said %d times of single logs that they cannot be opened", got)
			}
			if r.bell.Armed() == 0 {
				t.Error("the log that was there before is not asleep any longer")
			}
		})
		r.pass(time.Minute)
		for _, c := range append(all, early) {
			if !r.managed(c) {
				t.Errorf("%s is not managed", c.ID())
			}
		}
	})
}

// TestInotifyComesLate: an instance that could not be had is asked for again.
func TestInotifyComesLate(t *testing.T) {
	bell := inotify(t)
	path := filepath.Join(t.TempDir(), "0.log")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	withoutDescriptors(t, func() {
		for range 3 {
			if err := bell.Arm(path, func() { t.Error("rings") }); !errors.Is(err, unix.EMFILE) {
				t.Errorf("Arm without descriptors: %v", err)
			}
			bell.Disarm(path)
		}
	})
	rung := make(chan struct{})
	if err := bell.Arm(path, func() { close(rung) }); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	<-rung
}

// TestInotifyNeverArmed: the doorbell ends without having been used, and opens nothing
// afterwards.
func TestInotifyNeverArmed(t *testing.T) {
	var bell *logmgr.Inotify
	t.Run("life", func(t *testing.T) { bell = inotify(t) })
	if err := bell.Arm(t.TempDir(), nil); err == nil {
		t.Error("armed after its end")
	}
}
