package logmgr_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cri-logshim/cri-logshim/logmgr"
	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
)

// observe begins to observe what a manager of the rig would hold, until the test ends.
func (r *rig) observe() *logmgr.Observer {
	r.Helper()
	r.metrics = prometheus.NewRegistry()
	r.options.Metrics = r.metrics
	r.options.PolicyOf = always(r.policy)
	o, err := logmgr.NewObserver(r.options)
	r.must(err)
	r.begin(o.Run)
	return o
}

// only is what an observer knows of the one log there is.
func only(t *testing.T, o *logmgr.Observer) logmgr.ObservedLog {
	t.Helper()
	s := o.Status()
	if len(s.Observed) != 1 || s.Logs != 1 {
		t.Fatalf("%d logs are observed: %+v", s.Logs, s.Observed)
	}
	return s.Observed[0]
}

// fingerprint tells all that could be changed below a directory.
func fingerprint(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st syscall.Stat_t
		if err := syscall.Lstat(path, &st); err != nil {
			return err
		}
		found[path] = fmt.Sprint(st.Ino, st.Mode, st.Uid, st.Gid, st.Nlink, st.Size, st.Mtim, st.Ctim)
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return found
}

// leaveRotated leaves files of a log as if they had been rotated hours ago.
func (r *rig) leaveRotated(log string, number int) {
	r.Helper()
	for n := range number {
		old := r.options.Now().Add(time.Duration(n-100) * time.Minute)
		name := log + "." + old.UTC().Format("20060102-150405.000000000")
		r.must(os.WriteFile(name, []byte(strings.Repeat("x", 10_000)), 0o640))
		r.must(os.Chtimes(name, old, old))
	}
}

// TestObserverCountsRotations: growth is told in the rotations that a manager would have
// made, also across the rotations of somebody else.
func TestObserverCountsRotations(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		c := r.behind(r.facts("app"))
		r.must(c.Grow(3*mib + 100*kib)) // as somebody else has left it: one rotation
		o := r.observe()
		r.pass(7 * time.Second)
		r.must(c.Grow(2*mib + 512*kib)) // two, and half of one
		r.pass(2 * time.Second)
		if got := only(t, o); got.WouldRotate != 3 || got.RotatedByOthers != 0 || got.Largest != 5*mib+612*kib || got.MaxSize != mib {
			t.Errorf("it has seen %+v", got)
		}
		r.must(os.Rename(c.Path(), c.Path()+".20200101-000000"))
		r.must(r.fake.ReopenLog(t.Context(), c.ID()))
		r.must(c.Grow(512 * kib)) // the other half
		r.pass(2 * time.Second)
		if got := only(t, o); got.WouldRotate != 4 || got.RotatedByOthers != 1 || got.Bytes != 512*kib {
			t.Errorf("after a rotation by somebody else it has seen %+v", got)
		}
		r.must(c.Exit())
		r.pass(7 * time.Second)
		if s := o.Status(); s.Logs != 0 {
			t.Errorf("%d logs are observed after the only container has ended", s.Logs)
		}
	})
}

// TestObserverCountsAge: a log that is not full is told by its age.
func TestObserverCountsAge(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.policy.MaxAge = time.Minute
		c := r.behind(r.facts("app"))
		o := r.observe()
		r.pass(10 * time.Minute)
		if got := only(t, o); got.WouldRotate != 0 {
			t.Errorf("an empty log would be rotated: %+v", got)
		}
		r.must(c.Grow(kib))
		r.pass(10 * time.Minute)
		if got := only(t, o); got.WouldRotate != 1 {
			t.Errorf("a log with one old line: %+v", got)
		}
	})
}

// TestObserverForetells: what is to be removed and compressed by its word is what a manager
// removes and compresses; and until then nothing has changed, in no directory.
func TestObserverForetells(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.policy = logmgr.Policy{MaxSize: mib, MaxFiles: 6, Compression: logfile.Gzip, CompressAfter: time.Minute, KeepAfterRemoval: time.Hour}
		r.options.KeepDir = filepath.Join(filepath.Dir(r.dir), "kept")
		r.options.LegacyDir = r.legacy
		r.options.Files = logmgr.Files{Mode: 0o600}
		c := r.behind(r.facts("app"))
		r.must(c.Grow(kib))
		r.leaveRotated(c.Path(), 9)
		top := filepath.Dir(r.dir)
		before := fingerprint(t, top)
		o := r.observe()
		r.pass(time.Minute)
		told := only(t, o)
		r.stop()
		if after := fingerprint(t, top); !maps.Equal(before, after) {
			t.Errorf("it has changed something: %v became %v", before, after)
		}
		if n := c.Reopens(); n != 0 {
			t.Errorf("it has asked for %d reopens", n)
		}
		disk := int64(12 << 10) // of each file
		if told.WouldRemove != 4 || told.WouldRemoveBytes != 4*disk || told.WouldCompressBytes != 4*disk {
			t.Errorf("it has told %+v", told)
		}
		r.start()
		r.pass(5 * time.Minute)
		left, compressed := rotated(t, c.Path()), 0
		for _, name := range left {
			if strings.HasSuffix(name, ".gz") {
				compressed++
			}
		}
		if len(left) != 9-told.WouldRemove || compressed != 4 {
			t.Errorf("a manager has left %q", left)
		}
	})
}

// TestObserverWithoutLogs: podLogsDir need not be there, and is not made.
func TestObserverWithoutLogs(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		o := r.observe()
		r.pass(time.Minute)
		if s := o.Status(); s.Logs != 0 || len(o.Trouble()) > 0 {
			t.Errorf("%+v, %q", s, o.Trouble())
		}
		if _, err := os.Lstat(r.dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("podLogsDir is there: %v", err)
		}
	})
}

// TestObserverTellsTrouble: that the runtime's containers cannot be known is no secret, and
// passes.
func TestObserverTellsTrouble(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		var works atomic.Bool
		r.fake.OnList(func(context.Context) error {
			if !works.Load() {
				return errors.New("not now")
			}
			return nil
		})
		r.behind(r.facts("app"))
		o := r.observe()
		r.pass(time.Minute)
		if got := o.Trouble(); len(got) != 1 || !strings.Contains(got[0], "not now") {
			t.Errorf("trouble %q", got)
		}
		works.Store(true)
		r.pass(10 * time.Second)
		if got := o.Trouble(); len(got) != 0 {
			t.Errorf("trouble %q", got)
		}
		only(t, o)
	})
}

// TestObserverAsksManyAtOnce: a runtime that takes long to say where output is keeps a node
// with many containers from being observed for no longer than it does before a manager.
func TestObserverAsksManyAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		runtime := redirecting(r)
		runtime.Default = logmgr.Redirection{}
		runtime.OnRedirect(func(context.Context, string) error {
			time.Sleep(9 * time.Second)
			return nil
		})
		for i := range 40 {
			c, err := r.fake.Make(r.facts(fmt.Sprint("app", i)))
			r.must(err)
			r.must(c.Start())
		}
		o := r.observe()
		r.pass(46 * time.Second) // five times eight
		if got := o.Status().Logs; got != 40 {
			t.Errorf("%d of 40 logs are observed", got)
		}
	})
}
