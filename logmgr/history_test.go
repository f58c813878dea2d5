package logmgr_test

import (
	"fmt"
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

// attempt are the facts of another attempt at the same container.
func (r *rig) attempt(name string, n uint32) logmgr.Container {
	facts := r.facts(name)
	facts.ID = fmt.Sprint(facts.ID, "-", n)
	facts.Attempt = n
	facts.LogPath = fmt.Sprintf("%s/%d.log", name, n)
	return facts
}

// again makes and starts the next attempt at a container and tells the manager so.
func (r *rig) again(name string, n uint32) *runtimetest.Container {
	r.Helper()
	facts := r.attempt(name, n)
	c := r.behind(facts)
	r.Created(facts)
	r.Started(c.ID(), false)
	r.pass(50 * time.Millisecond)
	return c
}

// TestCrashLoopDoesNotPileUp: a container that crashes again and again keeps no more
// files than one that does not, but for the current logs of the attempts that the
// runtime still has, which `kubectl logs` shows.
func TestCrashLoopDoesNotPileUp(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		const maxFiles = 4
		r.policy = policyOf(100*kib, maxFiles, logfile.Plain, 0)
		r.start()
		var before *runtimetest.Container
		for n := range uint32(8) {
			c := r.again("app", n)
			r.rotate(c, 2)
			r.must(c.Print("stdout", 3, 1000))
			r.exit(c)
			r.pass(time.Second)
			if before != nil { // kubelet keeps one dead attempt
				r.remove(before)
				r.pass(time.Second)
			}
			before = c
		}
		// Of attempt 7, its two rotated files and its last words; of attempt 6, its last words.
		got := names(t, before.Path())
		want := []string{"6.log", "7.log"}
		plain := slices.DeleteFunc(slices.Clone(got), func(name string) bool { return strings.Contains(name, ".log.") })
		if len(got) != maxFiles || !slices.Equal(plain, want) {
			t.Errorf("files %q, want %d with %q", got, maxFiles, want)
		}
		r.newestLines(before)
	})
}

// TestLastWordsOfTheKnownStay: whatever the bounds, neither the current log of a
// container that the runtime knows is removed, nor one of a container of which nobody
// has told yet, nor one that is still open for writing.
func TestLastWordsOfTheKnownStay(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.options.ReconcileEvery = 24 * time.Hour
		r.policy = policyOf(100*kib, 2, logfile.Plain, 0)
		r.start()
		forgotten := r.attempt("app", 0)
		log := filepath.Join(forgotten.LogDirectory, forgotten.LogPath)
		r.must(os.MkdirAll(filepath.Dir(log), 0o755))
		for name, content := range map[string]string{
			"0.log": "forgotten", "1.log": "held", "4.log": "of one made behind our back", "4.log" + aside: "and rotated",
		} {
			r.must(os.WriteFile(filepath.Join(filepath.Dir(log), name), []byte(content), 0o600))
		}
		held, err := os.OpenFile(filepath.Join(filepath.Dir(log), "1.log"), os.O_WRONLY|os.O_APPEND, 0)
		r.must(err)
		dead := r.again("app", 2)
		r.must(dead.Print("stdout", 3, 1000))
		r.exit(dead)
		live := r.again("app", 3)
		r.rotate(live, 3)
		r.pass(time.Hour) // nothing is done about "held" for as long as it is
		if got := names(t, live.Path()); !slices.Contains(got, "1.log") {
			t.Errorf("a log that is still open has gone: %q", got)
		}
		r.must(held.Close())
		r.rotate(live, 1)
		r.pass(time.Minute)
		got := names(t, live.Path())
		for _, name := range []string{"2.log", "3.log", "4.log", "4.log" + aside} {
			if !slices.Contains(got, name) {
				t.Errorf("%s has gone", name)
			}
		}
		if len(got) != 5 { // and one rotated file
			t.Errorf("files %q", got)
		}
	})
}

// TestLatestAttemptDecides: a container's attempts share one policy, which is that of
// the latest, in whatever order they are told of, and also after each reload.
func TestLatestAttemptDecides(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		settings := r.options.Settings
		settings.PolicyOf = func(c logmgr.Container) logmgr.Policy {
			p := policyOf(100*kib, 3, logfile.Plain, 0)
			if c.Attempt < 1 {
				p.MaxFiles = 50
			}
			return p
		}
		r.Configure(settings)
		live := r.again("app", 1)
		dead := r.again("app", 0) // told of later, as by answers that overtake each other
		r.exit(dead)
		for range 20 {
			r.Configure(settings)
			r.rotate(live, 1)
			r.pass(time.Second)
			if got := rotated(t, live.Path()); len(got) > 2 {
				t.Fatalf("rotated files %q: the policy is an earlier attempt's", got)
			}
		}
	})
}

// TestOtherLayouts: where logs of several containers share a directory, each is a
// history of its own.
func TestOtherLayouts(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.policy = policyOf(100*kib, 3, logfile.Plain, 0)
		r.start()
		var all []*runtimetest.Container
		for _, path := range []string{"one.log", "two.log", "0.log", "1.log"} {
			facts := r.facts("app")
			facts.ID, facts.Name, facts.LogPath = "id"+path, "app-"+path, path
			c := r.behind(facts)
			r.Created(facts)
			r.Started(c.ID(), false)
			r.pass(time.Second)
			all = append(all, c)
		}
		for _, c := range all {
			r.rotate(c, 4)
		}
		r.pass(time.Second)
		for _, c := range all {
			if got := rotated(t, c.Path()); len(got) != 2 {
				t.Errorf("%s has the rotated files %q", c.Path(), got)
			}
			r.newestLines(c)
		}
	})
}

// TestExitedAtStart: what an earlier process has left of an exited container is
// compressed and bounded as well.
func TestExitedAtStart(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		c := r.behind(r.facts("app"))
		for i := range 6 {
			r.must(c.Print("stdout", 10, 100))
			r.must(os.Rename(c.Path(), fmt.Sprintf("%s.20200101-00000%d.000000000", c.Path(), i)))
			r.must(r.fake.ReopenLog(r.Context(), c.ID()))
		}
		r.must(c.Print("stdout", 10, 100))
		r.must(c.Exit())
		r.policy = policyOf(mib, 4, logfile.Gzip, 0)
		r.start()
		r.pass(time.Minute)
		if all, open := rotated(t, c.Path()), plain(t, c); len(all) != 3 || len(open) != 1 {
			t.Errorf("files %q, of them plain %q", all, open)
		}
		r.newestLines(c)
	})
}
