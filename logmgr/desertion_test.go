package logmgr_test

import (
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
)

// TestCountIsHeldWhereNobodyReads: on a node with so many processes that one look a
// second is taken, files of which nobody reads any do not pile up between looks, however
// many logs ask; and a reader that comes is waited for soon.
func TestCountIsHeldWhereNobodyReads(t *testing.T) {
	withReaders(t, func(t *testing.T, r *rig, crowd *crowd) {
		const slack = 1 // just rotated
		crowd.took = 80 * time.Millisecond
		r.policy.Compression = logfile.Plain
		r.start()
		app, other := r.run("app"), r.run("other")
		began, most := time.Now(), 0
		for n := range 120 {
			r.must(other.Print("stdout", 90, 1000))
			r.print(app, 1e6, 100*time.Millisecond)
			if n >= 20 { // they have waited for their first look
				most = max(most, len(names(t, app.Path())), len(names(t, other.Path())))
			}
		}
		if most > r.policy.MaxFiles+slack {
			t.Errorf("%d files at most, want %d", most, r.policy.MaxFiles)
		}
		r.pass(time.Second)
		if seconds := int(time.Since(began) / time.Second); crowd.looks < seconds/4 || crowd.looks > seconds+1 {
			t.Errorf("%d looks in %d s", crowd.looks, seconds)
		}
		reader := crowd.join(r, "late")
		reader.open(app.Path())
		r.print(app, 100e3, 5*time.Second)
		at := reader.take(1)
		r.rotate(app, 10)
		r.pass(lookPause)
		if got := names(t, app.Path()); at != 1 || len(got) != r.policy.MaxFilesUnread {
			t.Errorf("files %q while one is being read, want %d", got, r.policy.MaxFilesUnread)
		}
	})
}
