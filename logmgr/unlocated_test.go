package logmgr_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr"
	"github.com/cri-logshim/cri-logshim/logmgr/runtimetest"
)

// lost is a runtime that keeps output elsewhere, and cannot say where until it is found.
type lost struct {
	*runtimetest.Redirecting
	found    atomic.Bool
	reopened atomic.Int64
}

func (l *lost) Redirect(ctx context.Context, id string) (logmgr.Redirection, error) {
	if !l.found.Load() {
		return logmgr.Redirection{Elsewhere: true}, errors.New("as scripted")
	}
	return l.Redirecting.Redirect(ctx, id)
}

func (l *lost) ReopenLog(context.Context, string) error {
	l.reopened.Add(1)
	return context.DeadlineExceeded
}

// TestElsewhereWithoutAPlace: what lies at the path of a log that is known to be elsewhere is
// somebody's, however it grows: it is neither renamed nor removed, and no log is reopened. When
// the place is known at last, a link is made where there is room for one.
func TestElsewhereWithoutAPlace(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		runtime := &lost{Redirecting: redirecting(r)}
		r.options.Runtime = runtime
		r.policy.MaxFiles = 2
		r.start()
		facts := r.facts("app")
		to := r.jsonFile(t.TempDir(), facts.ID)
		c := r.elsewhere(runtime.Redirecting, facts, to)
		r.must(os.WriteFile(c.Path(), nil, 0o600))
		r.Created(facts)
		r.Started(facts.ID, false)
		for range 600 {
			r.must(r.bell.Change(c.Path(), func() error {
				f, err := os.OpenFile(c.Path(), os.O_APPEND|os.O_WRONLY, 0)
				if err != nil {
					return err
				}
				_, err = f.Write(make([]byte, 100*kib))
				return errors.Join(err, f.Close())
			}))
			r.pass(time.Second)
		}
		if got := names(t, c.Path()); len(got) != 1 || runtime.reopened.Load() > 0 {
			t.Errorf("files %q, %d reopens", got, runtime.reopened.Load())
		}
		if got := r.metric("logs_managed"); got != 0 {
			t.Errorf("%v logs are said to be held to their limit", got)
		}
		r.must(os.Remove(c.Path()))
		runtime.found.Store(true)
		r.pass(2 * time.Minute)
		r.leadsTo(c.Path(), to.Path)
	})
}

// TestElsewhereButThenNot: a runtime that has said, without a place, that logs are elsewhere, and
// then that they are at their path, has them held to their limit.
func TestElsewhereButThenNot(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		runtime := redirecting(r)
		r.options.Runtime = &wavering{runtime}
		runtime.Default, runtime.Latency = logmgr.Redirection{}, 2*time.Millisecond
		r.start()
		c := r.run("app")
		ended := r.run("ended")
		r.must(ended.Print("stdout", 10, 100))
		r.exit(ended)
		r.pass(time.Second)
		r.must(os.Rename(ended.Path(), ended.Path()+aside))
		r.pass(5 * time.Minute)
		r.must(c.Print("stdout", 2200, 1000))
		r.pass(5 * time.Second)
		if got := names(t, c.Path()); len(got) < 2 {
			t.Errorf("not rotated: %q", got)
		}
		if got := names(t, ended.Path()); len(got) != 1 || got[0] != filepath.Base(ended.Path()) {
			t.Errorf("of the container that has ended: %q", got)
		}
	})
}

// wavering says for two minutes that output is elsewhere.
type wavering struct{ *runtimetest.Redirecting }

func (w *wavering) Redirect(ctx context.Context, id string) (logmgr.Redirection, error) {
	to, err := w.Redirecting.Redirect(ctx, id)
	if w.AskedFor(id) < 8 {
		return logmgr.Redirection{Elsewhere: true}, errors.New("as scripted")
	}
	return to, err
}

// TestEndedLogWaitsForItsPlace: nothing of the runtime before is put where the link of a
// container that has ended belongs, as long as it is not known where its output is.
func TestEndedLogWaitsForItsPlace(t *testing.T) {
	for name, silence := range silences() {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				runtime := redirecting(r)
				runtime.OnRedirect(silence)
				facts := r.facts("app")
				to := r.jsonFile(r.TempDir(), facts.ID)
				c := r.elsewhere(runtime, facts, to)
				r.must(os.WriteFile(c.Path()+aside, []byte("of the runtime before\n"), 0o600))
				r.must(c.Exit())
				r.start()
				r.pass(time.Minute)
				if exists(c.Path()) {
					t.Errorf("there is something at %q: %q", c.Path(), names(t, c.Path()))
				}
				runtime.OnRedirect(nil)
				r.pass(time.Minute)
				r.leadsTo(c.Path(), to.Path)
			})
		})
	}
}

// TestEndedLogIsHealedWithTheAnswer: however soon the runtime says that output is at its path,
// the log of a container that has ended, which a crash has left under its rotated name, goes back.
func TestEndedLogIsHealedWithTheAnswer(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		runtime := redirecting(r)
		runtime.Default = logmgr.Redirection{}
		var all []*runtimetest.Container
		for i := range 100 {
			c := r.behind(r.facts(fmt.Sprint("app", i)))
			r.must(c.Print("stdout", 10, 100))
			r.must(c.Exit())
			r.must(os.Rename(c.Path(), c.Path()+aside))
			all = append(all, c)
		}
		r.start()
		r.pass(time.Second)
		for _, c := range all {
			if !exists(c.Path()) {
				t.Errorf("%s: there are only %q", c.ID(), names(t, c.Path()))
			}
		}
	})
}

// TestMissingLogGrowsAside: a log that a crash has left under its rotated name is reopened
// though nobody says that its output is at its path: it grows there.
func TestMissingLogGrowsAside(t *testing.T) {
	for name, silence := range silences() {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				runtime := redirecting(r)
				runtime.Default, runtime.Latency = logmgr.Redirection{}, 2*time.Millisecond
				runtime.OnRedirect(silence)
				c := r.behind(r.facts("app"))
				r.must(os.Rename(c.Path(), c.Path()+aside))
				r.start()
				for range 20 {
					r.must(c.Print("stdout", 100, 1000))
					r.pass(time.Second)
				}
				r.grows(c)
				if got := c.Reopens(); got < 1 {
					t.Errorf("%d reopens", got)
				}
				r.verify(c)
			})
		})
	}
}

// TestLinkAfterALongFailure: a link that could not be made for long is made within ten seconds
// of being possible again.
func TestLinkAfterALongFailure(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		runtime := redirecting(r)
		r.start()
		c, file := r.runElsewhere(runtime, "app")
		r.pass(time.Minute)
		pod := filepath.Dir(filepath.Dir(c.Path()))
		for _, failing := range []time.Duration{5 * time.Minute, 331 * time.Second, 347 * time.Second} {
			r.must(os.RemoveAll(pod))
			r.must(os.WriteFile(pod, nil, 0o600))
			r.pass(failing)
			r.must(os.Remove(pod))
			r.pass(10 * time.Second)
			r.leadsTo(c.Path(), file)
		}
	})
}

// TestUnseenFile: a file that the runtime names and that is not there for a minute is told of
// once, and one that comes a little late is not.
func TestUnseenFile(t *testing.T) {
	const notice = "names a file that is not there"
	bubble(t, func(t *testing.T, r *rig) {
		runtime := redirecting(r)
		r.start()
		_, late := r.runElsewhere(runtime, "late")
		r.must(os.Remove(late))
		r.pass(20 * time.Second)
		r.must(os.WriteFile(late, nil, 0o600))
		r.pass(5 * time.Minute)
		if got := r.said(notice); got != 0 {
			t.Errorf("said %q of a file that was late", r.lines(notice))
		}
		for _, name := range []string{"a", "b"} {
			_, file := r.runElsewhere(runtime, name)
			r.must(os.RemoveAll(filepath.Dir(file)))
		}
		r.pass(time.Hour)
		if got := r.lines(notice); len(got) != 1 || !strings.Contains(got[0], "ProtectHome") {
			t.Errorf("said %q", got)
		}
	})
}

// TestUnlisted: a runtime that lists no containers for half a minute is a reason for trouble,
// until it does, which is said.
func TestUnlisted(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		r.run("app")
		r.fake.OnList(func(context.Context) error { return errors.New("as scripted") })
		r.pass(29 * time.Second)
		if got := r.Trouble(); len(got) != 0 {
			t.Errorf("in trouble for %q", got)
		}
		r.pass(10 * time.Second)
		if got := r.Trouble(); len(got) != 1 || !strings.Contains(got[0], "has not listed its containers") {
			t.Errorf("in trouble for %q", got)
		}
		r.fake.OnList(nil)
		r.pass(6 * time.Second)
		if got := r.Trouble(); len(got) != 0 || r.said("can be listed again") != 1 {
			t.Errorf("in trouble for %q; said %q", got, r.lines("listed"))
		}
	})
}

// TestOthersDoNotPayForDockersFiles: a budget that the runtime's own files break is told of, and
// costs no other log anything; what others take too much goes as ever.
func TestOthersDoNotPayForDockersFiles(t *testing.T) {
	withDisk(t, logmgr.Node{MaxBytes: 3 * mib}, func(t *testing.T, r *rig, _ *disk) {
		runtime := redirecting(r)
		r.start()
		_, file := r.runElsewhere(runtime, "docker")
		runtime.Default = logmgr.Redirection{}
		c := r.run("here")
		r.must(c.Print("stdout", 10, 1000))
		const older = ".20200102-000000.000000000"
		for _, suffix := range []string{older, ".20200103-000000.000000000"} {
			r.must(os.WriteFile(c.Path()+suffix, make([]byte, 100*kib), 0o600))
		}
		r.must(os.WriteFile(file, make([]byte, 20*mib), 0o600))
		r.pass(5 * time.Minute)
		if got := names(t, c.Path()); len(got) != 3 {
			t.Errorf("what is left: %q", got)
		}
		told := r.lines("the runtime's own log files have their part")
		if len(told) == 0 || r.Status().Node.Broken == "" || *r.Status().Node.LogBytes < 20*mib {
			t.Errorf("told of %q, status %+v", told, r.Status().Node)
		}
		r.must(os.WriteFile(c.Path()+older, make([]byte, 4*mib), 0o600))
		r.pass(time.Minute)
		if got := names(t, c.Path()); len(got) != 2 {
			t.Errorf("what is left beyond the budget: %q", got)
		}
	})
}
