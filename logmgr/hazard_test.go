package logmgr_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr/runtimetest"
)

// TestDirectoryIsReadOnly: a log that cannot be renamed is written on, over its limit;
// that is said with each attempt, which become rare, and the log is rotated when it can
// be. The runtime is not asked to reopen it meanwhile.
func TestDirectoryIsReadOnly(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		c := r.run("app")
		r.must(c.Print("stdout", 1, 1000))
		thaw := readOnly(t, filepath.Dir(c.Path()))
		defer thaw()
		r.print(c, 1e6, 5*time.Second)
		r.pass(5 * time.Minute)
		if got := len(c.Asked()); got > 0 {
			t.Errorf("%d reopens", got)
		}
		if got := r.said("cannot move the full log aside"); got < 5 || got > 12 {
			t.Errorf("said %d times in five minutes", got)
		}
		thaw()
		r.pass(time.Minute + time.Second)
		if got := rotated(t, c.Path()); len(got) != 1 {
			t.Errorf("rotated %q afterwards", got)
		}
		r.verify(c)
		r.inPlace(c)
	})
}

// TestReplacedInTheMiddle: somebody puts another file in the log's place while the
// runtime is asked to reopen it. If the runtime refuses, the log cannot go back there:
// both files are kept.
func TestReplacedInTheMiddle(t *testing.T) {
	for name, fault := range map[string]runtimetest.Fault{"reopened": {Swap: true}, "refused": runtimetest.Refuse()} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				const theirs = "2026-11-21T01:02:03.000000004Z stderr F theirs\n"
				r.start()
				c := r.run("app")
				fault.Before = func() { r.must(os.WriteFile(c.Path(), []byte(theirs), 0o640)) }
				c.Script(fault)
				r.must(c.Print("stdout", 1100, 1000))
				r.pass(100 * time.Millisecond)
				text, err := os.ReadFile(c.Path())
				r.must(err)
				if string(text) != theirs {
					t.Errorf("in the log's place is %.100q", text)
				}
				if got := rotated(t, c.Path()); len(got) != 1 {
					t.Errorf("rotated %q", got)
				}
				r.must(os.Truncate(c.Path(), 0)) // so that the lines can be counted
				r.print(c, 100e3, 30*time.Second)
				r.verify(c)
				r.inPlace(c)
			})
		})
	}
}
