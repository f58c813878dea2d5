package logmgr_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr"
	"github.com/cri-logshim/cri-logshim/logmgr/runtimetest"
)

// TestObserverLeavesOutWhatIsElsewhere: of a log that no mode would rotate it is not said
// that it would have been, and a runtime that cannot say where a log is, is asked again.
func TestObserverLeavesOutWhatIsElsewhere(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		runtime := redirecting(r)
		for i := range 3 {
			facts := r.facts(fmt.Sprint("app", i))
			c := r.elsewhere(runtime, facts, r.jsonFile(t.TempDir(), facts.ID))
			r.must(os.Symlink(r.jsonFile(t.TempDir(), facts.ID).Path, c.Path()))
			r.must(c.Print("stdout", 2000, 1000))
		}
		here := r.facts("here")
		r.elsewhere(runtime, here, logmgr.Redirection{})
		runtime.OnRedirect(func(context.Context, string) error { return errors.New("as scripted") })
		o := r.observe()
		r.pass(20 * time.Second)
		if got := len(o.Trouble()); got != 1 || o.Status().Logs != 0 {
			t.Errorf("trouble %q while nobody can say where logs are", o.Trouble())
		}
		runtime.OnRedirect(nil)
		r.pass(20 * time.Second)
		if got := only(t, o); got.Container != "here" || len(o.Trouble()) != 0 {
			t.Errorf("observed: %+v, trouble %q", got, o.Trouble())
		}
		if got := r.said("in a file of its own"); got != 1 {
			t.Errorf("said %d times", got)
		}
		if got := len(o.Status().Elsewhere); got != 3 {
			t.Errorf("%d logs are elsewhere", got)
		}
	})
}

// withoutLimit makes and starts a container whose file the runtime never rotates.
func (r *rig) withoutLimit(runtime *runtimetest.Redirecting, name string, bytes int64) (*runtimetest.Container, logmgr.Redirection) {
	r.Helper()
	to := r.jsonFile(r.TempDir(), "id"+name)
	to.MaxSize, to.MaxFiles = 0, 0
	c := r.elsewhere(runtime, r.facts(name), to)
	r.must(os.WriteFile(to.Path, make([]byte, bytes), 0o600))
	return c, to
}

// TestObserverSeesWhatIsElsewhere: of the runtime's own files it is told how large they are,
// as a manager tells it, also of those that have ended; and until then nothing has changed.
func TestObserverSeesWhatIsElsewhere(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		runtime := redirecting(r)
		r.withoutLimit(runtime, "large", 3*mib)
		limited := r.facts("limited")
		to := r.jsonFile(t.TempDir(), limited.ID)
		r.elsewhere(runtime, limited, to)
		r.must(os.WriteFile(to.Path, make([]byte, mib), 0o600))
		ended, _ := r.withoutLimit(runtime, "ended", 2*mib)
		r.must(ended.Exit())
		top := filepath.Dir(r.dir)
		before := fingerprint(t, top)
		o := r.observe()
		r.pass(time.Second)
		found := o.Status().Elsewhere
		bytes, logs := r.metric("elsewhere_bytes"), r.metric("elsewhere_logs")
		r.must(runtime.Rotate(limited.ID, 3))
		r.must(os.Rename(to.Path+".1", to.Path+".1.kept")) // no file of Docker's: its size does not count
		r.pass(11 * time.Second)
		if got := r.metric("elsewhere_bytes"); got != float64(5*mib) || r.metric("elsewhere_rotations_total") != 1 {
			t.Errorf("after a rotation %v bytes and %v rotations", got, r.metric("elsewhere_rotations_total"))
		}
		r.must(runtime.Remove(ended.ID()))
		r.pass(6 * time.Second)
		if got := len(o.Status().Elsewhere); got != 2 {
			t.Errorf("%d logs are elsewhere after a removal", got)
		}
		r.stop()
		if after := fingerprint(t, top); !maps.Equal(before, after) {
			t.Errorf("it has changed something: %v became %v", before, after)
		}
		var names []string
		for _, l := range found {
			names = append(names, fmt.Sprint(l.Container, " ", l.Bytes/mib, " ", l.DiskBytes/mib, " ", l.MaxSize/mib))
		}
		if want := "large 3 3 0, ended 2 2 0, limited 1 1 10"; strings.Join(names, ", ") != want || bytes != float64(6*mib) || logs != 3 {
			t.Errorf("found %q, %v bytes of %v logs", names, bytes, logs)
		}
	})
}

// TestObserverWarnsOfUnboundedFiles: that nothing bounds files is said as a manager says it,
// once and of how many it is so; of those that have ended, it is not.
func TestObserverWarnsOfUnboundedFiles(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		runtime := redirecting(r)
		ended, _ := r.withoutLimit(runtime, "ended", 2*mib)
		r.must(ended.Exit())
		r.observe()
		r.pass(time.Minute)
		if got := r.said(unboundedNotice); got != 0 {
			t.Errorf("told of a container that has ended: %q", r.lines(unboundedNotice))
		}
		for i := range 5 {
			r.withoutLimit(runtime, fmt.Sprint("app", i), int64(i+1)*kib)
		}
		r.pass(time.Hour)
		said := r.lines(unboundedNotice)
		if len(said) != 1 || !strings.Contains(said[0], "files:5") || !strings.Contains(said[0], "idapp4-json.log") {
			t.Errorf("said %q", said)
		}
	})
}

// TestObserverFollowsMovedFiles: where the runtime keeps a file is asked again in a minute
// while there is none, and what a runtime that is away does not tell changes nothing.
func TestObserverFollowsMovedFiles(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		runtime := redirecting(r)
		c, to := r.withoutLimit(runtime, "app", mib)
		o := r.observe()
		r.pass(time.Second)
		moved := to
		moved.Path = filepath.Join(t.TempDir(), "moved-json.log")
		r.must(os.Rename(to.Path, moved.Path))
		runtime.OnRedirect(func(context.Context, string) error { return errors.New("as scripted") })
		r.pass(3 * time.Minute)
		if got := o.Status().Elsewhere; len(got) != 1 || got[0].Bytes != 0 || len(o.Trouble()) != 0 {
			t.Errorf("while it cannot be found: %+v, trouble %q", got, o.Trouble())
		}
		runtime.OnRedirect(nil)
		r.must(runtime.Put(c.ID(), moved))
		r.pass(80 * time.Second)
		if got := o.Status().Elsewhere; len(got) != 1 || got[0].File != moved.Path || got[0].Bytes != mib {
			t.Errorf("%+v", got)
		}
	})
}

// TestObserverTellsWhatIsFree: what is free is told as it was measured, and where there is
// nothing to measure it is not told to be none.
func TestObserverTellsWhatIsFree(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		o := r.observe()
		r.pass(time.Second)
		if got := o.Status().Node; got != (logmgr.NodeStatus{}) {
			t.Errorf("without podLogsDir: %+v", got)
		}
		r.must(os.MkdirAll(r.dir, 0o755))
		r.pass(time.Minute)
		if got := o.Status().Node; got.FreeBytes == nil || *got.FreeBytes == 0 {
			t.Errorf("with podLogsDir: %+v", got)
		}
	})
}
