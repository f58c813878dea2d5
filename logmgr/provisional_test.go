package logmgr_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr"
	"github.com/cri-logshim/cri-logshim/logmgr/runtimetest"
)

// linkTo runs a container whose log path leads to a file with content, which is returned,
// while the runtime says that its output is at to.
func (r *rig) linkTo(runtime *runtimetest.Redirecting, name string, to logmgr.Redirection) (c *runtimetest.Container, living string) {
	r.Helper()
	living = filepath.Join(r.TempDir(), "living")
	r.must(os.WriteFile(living, []byte("a line\n"), 0o600))
	facts := r.facts(name)
	c = r.elsewhere(runtime, facts, to)
	r.must(os.Symlink(living, c.Path()))
	r.Created(facts)
	r.Started(facts.ID, false)
	return c, living
}

// TestLivingLinkIsKept: a link that leads to a file is never led to one that is not there,
// as the runtime names it after its data was moved; once it is there, the link follows.
func TestLivingLinkIsKept(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		runtime := redirecting(r)
		r.start()
		to := r.jsonFile(t.TempDir(), "idapp")
		runtime.OnRedirect(func(context.Context, string) error {
			time.Sleep(time.Second) // until the file has gone
			return nil
		})
		c, living := r.linkTo(runtime, "app", to)
		r.must(os.Remove(to.Path))
		r.pass(20 * time.Second)
		r.leadsTo(c.Path(), living)
		r.must(os.WriteFile(to.Path, nil, 0o600))
		r.pass(11 * time.Second)
		r.leadsTo(c.Path(), to.Path)

		// And what leads nowhere is led to where the file is to be.
		r.must(os.Remove(to.Path))
		r.must(os.Remove(c.Path()))
		r.must(os.Symlink("/nowhere", c.Path()))
		r.pass(11 * time.Second)
		r.leadsTo(c.Path(), to.Path)
	})
}

// TestProvisionalAnswer: a file that the runtime has not named itself is good for a missing
// link, but not for one that leads somewhere. It is asked for again in ten seconds, and at once
// when the runtime names another's.
func TestProvisionalAnswer(t *testing.T) {
	for name, test := range map[string]struct {
		back   func(r *rig, runtime *runtimetest.Redirecting) // what tells that the runtime answers again
		within time.Duration
	}{
		"in ten seconds":              {func(*rig, *runtimetest.Redirecting) {}, 11 * time.Second},
		"with the answer for another": {func(r *rig, runtime *runtimetest.Redirecting) { r.runElsewhere(runtime, "other") }, 100 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				runtime := redirecting(r)
				r.start()
				copied := r.jsonFile(t.TempDir(), "idapp")
				copied.Provisional = true
				c, living := r.linkTo(runtime, "app", copied)
				r.pass(20 * time.Second)
				r.leadsTo(c.Path(), living)
				r.must(os.Remove(c.Path()))
				r.pass(11 * time.Second)
				r.leadsTo(c.Path(), copied.Path)

				to := r.jsonFile(t.TempDir(), "idapp")
				r.must(runtime.Put("idapp", to))
				r.must(os.WriteFile(to.Path, nil, 0o600))
				test.back(r, runtime)
				r.pass(test.within)
				r.leadsTo(c.Path(), to.Path)
				asked := runtime.AskedFor("idapp")
				r.pass(5 * time.Minute)
				if got := runtime.AskedFor("idapp") - asked; got != 0 {
					t.Errorf("asked %d times in the five minutes after the answer", got)
				}
			})
		})
	}
}

// TestAnswerStandsBeforeProvisional: what the runtime has said holds while it is away, with
// the limits that it alone knows.
func TestAnswerStandsBeforeProvisional(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		runtime := redirecting(r)
		r.start()
		c, file := r.runElsewhere(runtime, "app")
		r.pass(time.Minute)
		copied := r.jsonFile(t.TempDir(), c.ID())
		copied.Provisional, copied.MaxSize = true, 0
		r.must(runtime.Put(c.ID(), copied))
		r.must(os.WriteFile(copied.Path, nil, 0o600))
		r.Reconnected()
		r.pass(time.Minute)
		r.must(os.Remove(c.Path()))
		r.pass(time.Minute)
		r.leadsTo(c.Path(), file)
		if all := r.Status().Elsewhere; len(all) != 1 || all[0].File != file || all[0].MaxSize == 0 {
			t.Errorf("told of %+v", all)
		}
	})
}

// TestEndOfAnOutageShows: while the runtime names no files itself, one container is asked for
// every ten seconds, and not more; so all follow soon when it names them again.
func TestEndOfAnOutageShows(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		runtime := redirecting(r)
		r.start()
		named := map[string]logmgr.Redirection{}
		for i := range 20 {
			_, file := r.runElsewhere(runtime, fmt.Sprint("app", i))
			named[fmt.Sprint("idapp", i)] = logmgr.Redirection{Elsewhere: true, Path: file, Driver: "json-file", MaxSize: 10 * mib, MaxFiles: 3}
		}
		r.pass(time.Minute)
		say := func(likely bool) {
			for id, to := range named {
				if likely {
					to.Provisional, to.MaxSize = true, 0
				}
				r.must(runtime.Put(id, to))
			}
		}
		asked := func() (n int) {
			for i := range 20 {
				n += runtime.AskedFor(fmt.Sprint("idapp", i))
			}
			return n
		}
		before := asked()
		late := r.facts("late")
		to := r.jsonFile(t.TempDir(), late.ID)
		r.elsewhere(runtime, late, to)
		named[late.ID] = to
		say(true)
		r.Created(late)
		r.Started(late.ID, false)
		r.pass(3 * time.Minute)
		if got := asked() - before; got < 10 || got > 20 {
			t.Errorf("asked %d times in the three minutes of an outage", got)
		}
		say(false)
		r.pass(11 * time.Second)
		for _, l := range r.Status().Elsewhere {
			if l.File == to.Path && l.MaxSize != to.MaxSize {
				t.Errorf("told of %+v", l)
			}
		}
		before = asked()
		r.pass(5 * time.Minute)
		if got := asked() - before; got != 0 {
			t.Errorf("asked %d times afterwards", got)
		}
	})
}

// TestOneWithoutAnAnswer: a single container of which the runtime never names the file, among
// others whose files it names, is asked for once a minute and no oftener.
func TestOneWithoutAnAnswer(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		runtime := redirecting(r)
		r.start()
		for i := range 3 {
			r.runElsewhere(runtime, fmt.Sprint("app", i))
		}
		stuck := r.facts("stuck")
		to := r.jsonFile(t.TempDir(), stuck.ID)
		to.Provisional = true
		r.elsewhere(runtime, stuck, to)
		r.Created(stuck)
		r.Started(stuck.ID, false)
		r.pass(time.Minute)
		before := runtime.AskedFor(stuck.ID)
		r.pass(10 * time.Minute)
		if got := runtime.AskedFor(stuck.ID) - before; got < 5 || got > 20 {
			t.Errorf("asked %d times in ten minutes", got)
		}
	})
}
