package logmgr_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/cri-logshim/cri-logshim/logmgr"
)

// removals are the journal's lines at info and above that tell of removed files, and how
// many files they are about.
func (r *rig) removals() (lines int, files int64) {
	for _, e := range r.journal.AllEntries() {
		if e.Level <= logrus.InfoLevel && strings.HasPrefix(e.Message, "removed") {
			lines++
			n, _ := e.Data["files"].(int64)
			files += n
		}
	}
	return lines, files
}

// TestPolicyRemovesQuietly: a container that fills many files does not fill the journal.
func TestPolicyRemovesQuietly(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.policy.MaxFiles = 2
		r.start()
		c := r.run("app")
		r.grow(c, 10*mib, 30*time.Second)
		r.pass(time.Second)
		if got := r.metric("files_removed_total"); got < 100 {
			t.Fatalf("%v files were removed, so nothing is shown", got)
		}
		if lines, _ := r.removals(); lines > 0 {
			t.Errorf("%d lines about them", lines)
		}
		if got, want := r.said("removed a rotated file"), int(r.metric("files_removed_total")); got != want {
			t.Errorf("%d lines at debug about %d files", got, want)
		}
	})
}

// TestTollIsSummedUp: what goes for a bound that is broken anew every second is told, all
// of it, in a line at once and then in one every ten seconds.
func TestTollIsSummedUp(t *testing.T) {
	withDisk(t, logmgr.Node{MaxBytes: 4 * mib}, func(t *testing.T, r *rig, _ *disk) {
		r.policy.MaxSize = 256 * kib
		r.start()
		c := r.run("app")
		r.print(c, 512*kib, 6*time.Second)
		if lines, _ := r.removals(); lines > 0 {
			t.Errorf("%d lines before the bound is broken", lines)
		}
		r.print(c, 512*kib, 60*time.Second)
		r.pass(20 * time.Second)
		removed := int64(r.metric("files_removed_total"))
		if removed < 30 {
			t.Fatalf("%d files were removed, so nothing is shown", removed)
		}
		switch lines, files := r.removals(); {
		case files != removed:
			t.Errorf("told of %d files of %d", files, removed)
		case lines < 5 || lines > 8:
			t.Errorf("%d lines in a minute", lines)
		}
	})
}
