package logmgr_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr"
	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
	"github.com/cri-logshim/cri-logshim/logmgr/runtimetest"
)

// holdOldest opens the oldest rotated file as a writer does.
func (r *rig) holdOldest(c *runtimetest.Container) *os.File {
	r.Helper()
	held, err := os.OpenFile(filepath.Join(filepath.Dir(c.Path()), rotated(r.T, c.Path())[0]), os.O_WRONLY|os.O_APPEND, 0)
	r.must(err)
	return held
}

// TestHeldForEver: a file that somebody has open for writing and does not write,
// as by a descriptor that was leaked, does not turn maxFiles off; one that is
// written stays for as long as it is.
func TestHeldForEver(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		const maxFiles = 3
		r.policy = policyOf(100*kib, maxFiles, logfile.Plain, 0)
		r.start()
		c := r.run("app")
		r.rotate(c, 1)
		held := r.holdOldest(c)
		r.rotate(c, 5)
		all := names(t, c.Path())
		for range 10 {
			r.pass(9 * time.Minute)
			// Files bear the real time, which hardly passes in here.
			r.must(os.Chtimes(held.Name(), time.Time{}, r.options.Now()))
		}
		r.pass(9 * time.Minute)
		if got := names(t, c.Path()); !slices.Equal(got, all) {
			t.Errorf("files %q while the oldest is written, want %q", got, all)
		}
		r.pass(2 * time.Minute)
		if got := names(t, c.Path()); exists(held.Name()) || len(got) != maxFiles {
			t.Errorf("files %q after the oldest has not been written for ten minutes", got)
		}
		r.newestLines(c)
		r.must(held.Close())
	})
}

// TestPanicInTidying: whatever goes wrong while files are removed or compressed,
// it is done later.
func TestPanicInTidying(t *testing.T) {
	for name, test := range map[string]struct {
		policy logmgr.Policy
		done   func(t *testing.T, c *runtimetest.Container) bool
	}{
		"remove": {policyOf(100*kib, 3, logfile.Plain, 0), func(t *testing.T, c *runtimetest.Container) bool {
			t.Helper()
			return len(names(t, c.Path())) == 3
		}},
		"compress": {policyOf(100*kib, 100, logfile.Gzip, 0), func(t *testing.T, c *runtimetest.Container) bool {
			t.Helper()
			return len(plain(t, c)) == 1
		}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				panics := r.clockThatPanics()
				r.policy = policyOf(100*kib, 100, logfile.Plain, 0)
				r.start()
				c := r.run("app")
				r.rotate(c, 6)
				r.pass(5 * time.Second)
				panics.Store(true)
				r.setPolicy(test.policy)
				r.pass(5 * time.Minute)
				if got := r.metric("panics_total"); got < 2 || got > 20 {
					t.Errorf("%v panics are counted in five minutes", got)
				}
				if test.done(t, c) {
					t.Fatal("nothing went wrong: this test shows nothing")
				}
				r.verify(c)
				panics.Store(false)
				r.pass(time.Minute)
				if !test.done(t, c) {
					t.Errorf("files a minute later: %q", names(t, c.Path()))
				}
				r.newestLines(c)
				r.rotate(c, 2)
				r.pass(5 * time.Second)
				if !test.done(t, c) {
					t.Errorf("files after two rotations: %q", names(t, c.Path()))
				}
			})
		})
	}
}

// TestRemovedContainersFilesStay: what was waiting to be removed when its
// container went stays with the rest.
func TestRemovedContainersFilesStay(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.policy = policyOf(100*kib, 3, logfile.Plain, 0)
		r.start()
		c := r.run("app")
		r.rotate(c, 1)
		held := r.holdOldest(c)
		r.rotate(c, 5)
		all := names(t, c.Path())
		r.remove(c)
		r.must(held.Close())
		r.pass(time.Hour)
		if got := names(t, c.Path()); !slices.Equal(got, all) {
			t.Errorf("files %q, want %q", got, all)
		}
		r.verify(c)
	})
}

// TestTemporariesOfARemovedContainer: what a compression has left unfinished goes
// with the last container of its log, and nothing else does.
func TestTemporariesOfARemovedContainer(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		first := r.run("app")
		r.rotate(first, 2)
		r.exit(first)
		facts := r.facts("app")
		facts.ID = "idsecond"
		second := r.behind(facts)
		r.Created(facts)
		r.Started(second.ID(), false)
		r.pass(5 * time.Second)
		all := names(t, first.Path())
		left, written := first.Path()+aside+".gz.tmp", first.Path()+aside+".zst.tmp"
		r.must(os.WriteFile(left, []byte("unfinished"), 0o600))
		held, err := os.Create(written)
		r.must(err)
		r.remove(first)
		r.pass(5 * time.Second)
		if !exists(left) {
			t.Error("it has gone with a container that was not the last")
		}
		r.remove(second)
		r.pass(5 * time.Second)
		if exists(left) || !exists(written) {
			t.Errorf("the unfinished file exists: %t, the one that is written: %t", exists(left), exists(written))
		}
		r.must(held.Close())
		r.must(os.Remove(written))
		if got := names(t, first.Path()); !slices.Equal(got, all) {
			t.Errorf("files %q, want %q", got, all)
		}
		if got := r.metric("failures_total"); got != 0 {
			t.Errorf("%v failures are counted", got)
		}
	})
}

// TestNameOfTheFarFuture: no name could follow one of the last year that a name
// may bear. Whoever has put it there does not end rotation, nor maxFiles.
func TestNameOfTheFarFuture(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		const maxFiles = 5
		r.policy = policyOf(100*kib, maxFiles, logfile.Plain, 0)
		planted := "0.log.22611231-235959.999999999"
		c := r.behind(r.facts("app"))
		r.must(os.WriteFile(filepath.Join(filepath.Dir(c.Path()), planted), nil, 0o600))
		r.start()
		r.pass(time.Second)
		r.rotate(c, 10)
		r.pass(5 * time.Second)
		if c.Reopens() != 10 {
			t.Errorf("%d rotations, want 10", c.Reopens())
		}
		got := names(t, c.Path())
		if len(got) != maxFiles {
			t.Errorf("files %q, want %d", got, maxFiles)
		}
		for _, name := range got {
			if name != "0.log" && name != planted && !strings.HasPrefix(name, "0.log.20") {
				t.Errorf("a log was rotated to %q", name)
			}
		}
		r.newestLines(c)
	})
}
