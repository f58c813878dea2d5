package logmgr_test

import (
	"os"
	"testing"
	"time"
)

// TestKeepDirThatOthersMayWriteTo: nothing more is given to it, and that is told once a
// minute; but logs that have a second name there are rotated and held to their bounds as
// ever, and what is kept stays. Once it is root's alone again all is kept.
func TestKeepDirThatOthersMayWriteTo(t *testing.T) {
	spoilt := map[string]func(dir string) error{
		"writable to a group":     func(dir string) error { return os.Chmod(dir, 0o770) },
		"belongs to another user": func(dir string) error { return os.Chown(dir, 12345, 0) },
	}
	for name, spoil := range spoilt {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				const few = 5
				r.keeping(100*kib, time.Hour)
				r.policy.MaxFiles = few
				r.start()
				gone, c := r.run("gone"), r.run("app")
				r.rotate(gone, 2)
				r.rotate(c, 2)
				r.pass(30 * time.Second)
				r.evict(gone)
				r.stop()
				r.must(spoil(r.options.KeepDir))
				before := names(t, r.kept(c))
				r.start()
				r.rotate(c, 2) // beside those that have a second name
				if got := names(t, r.kept(c)); len(got) > len(before) {
					t.Errorf("names were given to it: %q, before: %q", got, before)
				}
				r.rotate(c, 10)
				r.pass(10 * time.Minute)
				if got := names(t, c.Path()); len(got) != few {
					t.Errorf("the log has the files %q, not %d", got, few)
				}
				if got := names(t, r.kept(c)); len(got) != 1 {
					t.Errorf("what was removed on purpose is still in keepDir: %q", got)
				}
				if n := r.said("are not kept"); n < 9 || n > 12 {
					t.Errorf("said %d times in ten minutes", n)
				}
				if n := r.metric("failures_total", "step", "keep"); n < 9 || n > 12 {
					t.Errorf("counted %v times in ten minutes", n)
				}
				r.pass(2 * time.Hour)
				r.wantKept(gone)

				r.must(os.Chmod(r.options.KeepDir, 0o700))
				r.must(os.Chown(r.options.KeepDir, os.Geteuid(), 0))
				r.pass(3 * time.Minute)
				if trouble := r.Trouble(); len(trouble) != 0 {
					t.Errorf("trouble: %q", trouble)
				}
				if got := len(names(t, r.kept(c))); got != few+1 { // .term is one
					t.Errorf("kept afterwards: %q", names(t, r.kept(c)))
				}
				if exists(r.kept(gone)) {
					t.Error("what has expired is still there")
				}
			})
		})
	}
}

// TestKeepDirIsOpenedToOthers while the daemon is at work: it is noticed when keepDir is
// looked through, so that nothing is removed by a term that anybody may have written.
func TestKeepDirIsOpenedToOthers(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.keeping(100*kib, time.Hour)
		r.start()
		c := r.run("app")
		r.rotate(c, 2)
		r.pass(time.Minute)
		r.must(os.Chmod(r.options.KeepDir, 0o777))
		r.evict(c)
		r.pass(3 * time.Hour)
		r.wantKept(c)
		if n := r.said("are not kept"); n < 170 || n > 181 {
			t.Errorf("said %d times in three hours", n)
		}
		r.must(os.Chmod(r.options.KeepDir, 0o700))
		r.pass(5 * time.Minute)
		if trouble := r.Trouble(); len(trouble) != 0 || exists(r.kept(c)) {
			t.Errorf("trouble: %q; still there: %q", trouble, names(t, r.kept(c)))
		}
	})
}
