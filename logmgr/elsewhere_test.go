package logmgr_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr"
	"github.com/cri-logshim/cri-logshim/logmgr/runtimetest"
)

// redirecting is a rig whose runtime keeps the output elsewhere.
func redirecting(r *rig) *runtimetest.Redirecting {
	runtime := runtimetest.NewRedirecting()
	runtime.Bell = r.bell
	r.fake, r.options.Runtime = runtime.Fake, runtime
	return runtime
}

// jsonFile is where Docker would keep a container's output, with a limit of its own.
func (r *rig) jsonFile(root, id string) logmgr.Redirection {
	return logmgr.Redirection{
		Elsewhere: true, Path: filepath.Join(root, "containers", id, id+"-json.log"),
		Driver: "json-file", MaxSize: 10 * mib, MaxFiles: 3,
	}
}

// elsewhere makes and starts a container whose output is at to, and tells nobody.
func (r *rig) elsewhere(runtime *runtimetest.Redirecting, facts logmgr.Container, to logmgr.Redirection) *runtimetest.Container {
	r.Helper()
	c, err := runtime.Make(facts)
	r.must(err)
	r.must(runtime.Put(facts.ID, to))
	r.must(c.Start())
	return c
}

// runElsewhere does that for a container of its own pod, and tells the manager so.
func (r *rig) runElsewhere(runtime *runtimetest.Redirecting, name string) (c *runtimetest.Container, file string) {
	r.Helper()
	facts := r.facts(name)
	to := r.jsonFile(r.TempDir(), facts.ID)
	c = r.elsewhere(runtime, facts, to)
	r.Created(facts)
	r.Started(facts.ID, false)
	synctest.Wait()
	return c, to.Path
}

// leadsTo makes sure where a link leads.
func (r *rig) leadsTo(link, want string) {
	r.Helper()
	if got := target(link); got != want {
		r.Errorf("%q leads to %q, want %q", link, got, want)
	}
}

func TestRedirectedLog(t *testing.T) {
	for name, test := range map[string]struct {
		prepare func(r *rig, path string)
		failed  bool
		linked  bool
	}{
		"after a start":             {func(*rig, string) {}, false, true},
		"after a failed start":      {func(*rig, string) {}, true, true},
		"in place of an older link": {func(r *rig, path string) { r.must(os.Symlink("/old", path)) }, false, true},
		"never over a regular file": {func(r *rig, path string) { r.must(os.WriteFile(path, nil, 0o600)) }, false, false},
		"the directory has to be made": {func(r *rig, path string) {
			r.must(os.RemoveAll(filepath.Dir(filepath.Dir(path))))
		}, false, true},
		"and that after a failed start": {func(r *rig, path string) {
			r.must(os.RemoveAll(filepath.Dir(filepath.Dir(path))))
		}, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				runtime := redirecting(r)
				to := r.jsonFile(t.TempDir(), "idapp")
				r.start()
				facts := r.facts("app")
				c, err := r.fake.Make(facts)
				r.must(err)
				r.must(runtime.Put(c.ID(), to))
				r.must(os.WriteFile(to.Path, make([]byte, 5*mib), 0o600))
				test.prepare(r, c.Path())
				r.Created(facts)
				r.Started(c.ID(), test.failed)
				r.pass(10 * time.Millisecond)
				if got := target(c.Path()); (got == to.Path) != test.linked {
					t.Errorf("the log's path leads to %q", got)
				}
				r.pass(time.Minute)
				if info, err := os.Stat(to.Path); err != nil || info.Size() != 5*mib || len(names(t, c.Path())) != 1 {
					t.Errorf("the runtime's file: %v, %v, beside the link: %q", info, err, names(t, c.Path()))
				}
				// The link goes with the container, once its file has gone.
				r.must(os.Remove(to.Path))
				r.remove(c)
				r.pass(time.Second)
				if exists(c.Path()) == test.linked {
					t.Errorf("after the removal there is %q", names(t, c.Path()))
				}
			})
		})
	}
}

// TestRedirectedLogIsLinkedLater: what stands in the way of the link is told of once an
// hour, with the file that is hidden by it; when it goes, the link is made with the next look.
func TestRedirectedLogIsLinkedLater(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		runtime := redirecting(r)
		r.start()
		facts := r.facts("app")
		c, err := r.fake.Make(facts)
		r.must(err)
		to := r.jsonFile(t.TempDir(), c.ID())
		r.must(runtime.Put(c.ID(), to))
		r.must(os.WriteFile(c.Path(), nil, 0o600))
		r.Created(facts)
		r.Started(c.ID(), false)
		for hours := 1.0; hours < 4; hours++ {
			r.pass(time.Minute)
			said := r.lines("move it away")
			if got := r.metric("failures_total", `"link"`); got != hours || len(said) != int(hours) || !strings.Contains(said[0], to.Path) {
				t.Errorf("in hour %v, %v failures are counted, and said %q", hours, got, said)
			}
			r.pass(59 * time.Minute)
		}
		r.must(os.Remove(c.Path()))
		r.pass(11 * time.Second)
		r.leadsTo(c.Path(), to.Path)
		failures := r.metric("failures_total")
		r.pass(10 * time.Minute)
		if got := r.metric("failures_total"); got != failures {
			t.Errorf("%v failures after the link was made", got-failures)
		}
	})
}

// TestNothingToLink: containers whose output goes to no file are told of once for each
// driver, and nothing is made for them.
func TestNothingToLink(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		runtime := redirecting(r)
		r.start()
		for i := range 12 {
			facts := r.facts(fmt.Sprint("app", i))
			c, err := r.fake.Make(facts)
			r.must(err)
			driver := []string{"none", "journald", "local"}[i%3]
			r.must(runtime.Put(c.ID(), logmgr.Redirection{Elsewhere: true, Driver: driver}))
			r.Created(facts)
			r.Started(c.ID(), false)
			r.pass(10 * time.Second)
			if got := names(t, c.Path()); len(got) != 0 {
				t.Errorf("%s: files %q", driver, got)
			}
		}
		r.pass(time.Hour)
		if got := r.said("Set log-driver json-file in Docker's daemon.json"); got != 3 {
			t.Errorf("told %d times what to do", got)
		}
		if said, failures := r.said("with this log driver"), r.metric("failures_total"); said != 3 || failures != 0 {
			t.Errorf("%d notices of three drivers, %v failures", said, failures)
		}
	})
}

// TestLinkIsRepaired: whatever becomes of a link, it is right again with the next look, and
// what the container writes is there.
func TestLinkIsRepaired(t *testing.T) {
	for name, spoil := range map[string]func(path string) error{
		"removed":                  os.Remove,
		"led elsewhere":            func(path string) error { return errors.Join(os.Remove(path), os.Symlink("/elsewhere", path)) },
		"its directory is removed": func(path string) error { return os.RemoveAll(filepath.Dir(path)) },
		"the pod's is":             func(path string) error { return os.RemoveAll(filepath.Dir(filepath.Dir(path))) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				runtime := redirecting(r)
				r.start()
				c, file := r.runElsewhere(runtime, "app")
				ended, endedFile := r.runElsewhere(runtime, "ended")
				r.exit(ended)
				for range 3 {
					r.pass(25 * time.Second)
					r.leadsTo(c.Path(), file)
					r.must(c.Print("stdout", 10, 100))
					r.must(spoil(c.Path()))
					r.must(spoil(ended.Path()))
					r.pass(11 * time.Second)
					r.leadsTo(c.Path(), file)
					if _, err := os.Stat(filepath.Dir(ended.Path())); err == nil {
						r.leadsTo(ended.Path(), endedFile)
					} else if exists(filepath.Dir(filepath.Dir(ended.Path()))) && name == "the pod's is" {
						t.Error("the directory of a pod that has ended was made again")
					}
				}
				if got := r.metric("failures_total"); got != 0 {
					t.Errorf("%v failures", got)
				}
			})
		})
	}
}

// TestLinkIsLeftAlone: a link that the runtime has made itself stays the same one, also
// where it leads to the file by another path.
func TestLinkIsLeftAlone(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		runtime := redirecting(r)
		r.start()
		top := t.TempDir()
		other := filepath.Join(top, "other")
		r.must(os.Symlink(top, other))
		for name, root := range map[string]string{"same": top, "another": other} {
			facts := r.facts(name)
			to := r.jsonFile(top, facts.ID)
			c := r.elsewhere(runtime, facts, to)
			r.must(os.Symlink(r.jsonFile(root, facts.ID).Path, c.Path()))
			before, err := os.Lstat(c.Path())
			r.must(err)
			r.Created(facts)
			r.Started(facts.ID, false)
			r.pass(time.Minute)
			after, err := os.Lstat(c.Path())
			r.must(err)
			if !os.SameFile(before, after) || !before.ModTime().Equal(after.ModTime()) {
				t.Errorf("%s: the link is another one", name)
			}
		}
	})
}

// TestLinkWaitsForTheStart: while a start is under way the runtime is about to make the link
// itself, and some fail when they find one. A start that nobody tells of has its time.
func TestLinkWaitsForTheStart(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		runtime := redirecting(r)
		r.options.LinkGrace = 7 * time.Second
		r.start()
		r.pass(100 * time.Millisecond)
		told, untold := r.facts("told"), r.facts("untold")
		var paths []string
		for _, facts := range []logmgr.Container{told, untold} {
			paths = append(paths, r.elsewhere(runtime, facts, r.jsonFile(t.TempDir(), facts.ID)).Path())
			r.Created(facts)
		}
		r.Reconcile() // it finds both of them running
		r.pass(6900 * time.Millisecond)
		if exists(paths[0]) || exists(paths[1]) {
			t.Error("a link was made before the end of the start")
		}
		r.Started(told.ID, false)
		r.pass(10 * time.Millisecond)
		if !exists(paths[0]) || exists(paths[1]) {
			t.Errorf("after the start: %q, of which nobody has told: %q", target(paths[0]), target(paths[1]))
		}
		r.pass(5 * time.Second)
		if !exists(paths[1]) {
			t.Error("the link was not made after the grace")
		}
	})
}

// TestAdoptedLinks: a manager that begins finds containers that run and such that have
// ended, with links missing and wrong.
func TestAdoptedLinks(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		runtime := redirecting(r)
		files := map[string]string{}
		for i := range 20 {
			facts := r.facts(fmt.Sprint("app", i))
			to := r.jsonFile(t.TempDir(), facts.ID)
			c := r.elsewhere(runtime, facts, to)
			files[c.Path()] = to.Path
			if i%2 == 0 {
				r.must(os.Symlink("/wrong", c.Path()))
			}
			if i%4 < 2 {
				r.must(c.Exit())
			}
		}
		r.start()
		r.pass(10 * time.Second)
		for link, file := range files {
			r.leadsTo(link, file)
		}
	})
}

// TestLinkForEachAttempt: every restart has its link, which goes when that one container
// goes, in the very old layout too.
func TestLinkForEachAttempt(t *testing.T) {
	for _, podDir := range []string{"ns_pod_uid-app", "uid-app"} {
		t.Run(podDir, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				runtime := redirecting(r)
				r.options.LegacyDir = r.legacy
				r.start()
				root := t.TempDir()
				var all []*runtimetest.Container
				for attempt := range 3 {
					facts := r.facts("app")
					facts.ID, facts.Attempt = fmt.Sprint("id", attempt), uint32(attempt)
					facts.LogDirectory = filepath.Join(r.dir, podDir)
					facts.LogPath = fmt.Sprintf("app/%d.log", attempt)
					c := r.elsewhere(runtime, facts, r.jsonFile(root, facts.ID))
					r.Created(facts)
					r.Started(facts.ID, false)
					all = append(all, c)
					r.pass(6 * time.Second)
					r.must(c.Print("stdout", 3, 100))
					r.leadsTo(r.legacyLink(facts), c.Path())
					if content, err := os.ReadFile(r.legacyLink(facts)); err != nil || len(content) != 300 {
						t.Errorf("attempt %d: %d bytes at the end of the chain, %v", attempt, len(content), err)
					}
					r.exit(c)
				}
				r.must(os.RemoveAll(filepath.Join(root, "containers", "id1")))
				r.remove(all[1])
				r.pass(time.Minute)
				for i, c := range all {
					if gone := !exists(c.Path()); gone != (i == 1) {
						t.Errorf("attempt %d: gone: %t", i, gone)
					}
				}
			})
		})
	}
}

// TestMovedFiles: when somebody has moved the runtime's files, the links follow.
func TestMovedFiles(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		runtime := redirecting(r)
		r.start()
		c, file := r.runElsewhere(runtime, "app")
		r.pass(time.Minute)
		to := r.jsonFile(t.TempDir(), c.ID())
		r.must(runtime.Put(c.ID(), to))
		r.must(os.Rename(file, to.Path))
		r.pass(71 * time.Second)
		r.leadsTo(c.Path(), to.Path)

		// So they do when the old file is still there, once the runtime was away.
		r.must(os.WriteFile(file, nil, 0o600))
		back := logmgr.Redirection{Elsewhere: true, Path: file, Driver: "json-file"}
		r.must(runtime.Put(c.ID(), back))
		r.pass(time.Minute)
		r.Reconnected()
		r.pass(10 * time.Millisecond)
		r.leadsTo(c.Path(), file)
	})
}

// TestRuntimeCannotSayWhere: however long the runtime has no answer, nothing else waits,
// nobody complains more than once a minute, and links are made when it has.
func TestRuntimeCannotSayWhere(t *testing.T) {
	for name, fault := range map[string]func(context.Context, string) error{
		"it fails": func(context.Context, string) error { return errors.New("as scripted") },
		"it hangs": func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() },
		"it panics": func(context.Context, string) error {
			panic("as scripted")
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				runtime := redirecting(r)
				runtime.OnRedirect(fault)
				r.start()
				files := map[string]string{}
				for i := range 30 {
					c, file := r.runElsewhere(runtime, fmt.Sprint("app", i))
					files[c.Path()] = file
				}
				r.pass(10 * time.Minute)
				r.must(r.Beat(r.Context()))
				if got := r.said("cannot find out where"); got < 8 || got > 11 {
					t.Errorf("complained %d times in ten minutes", got)
				}
				for link := range files {
					if exists(link) {
						t.Errorf("a link %q was made", target(link))
					}
				}
				runtime.OnRedirect(nil)
				c, file := r.runElsewhere(runtime, "new")
				r.pass(11 * time.Second) // those that hang have their time
				r.leadsTo(c.Path(), file)
				r.pass(50 * time.Second)
				for link, file := range files {
					r.leadsTo(link, file)
				}
			})
		})
	}
}

// TestAtItsLogPath: a runtime that redirects nothing is asked once for each container, and
// its logs are held to their limit as if there were nothing to ask.
func TestAtItsLogPath(t *testing.T) {
	reopens := map[bool]int{}
	for _, asked := range []bool{false, true} {
		bubble(t, func(t *testing.T, r *rig) {
			if asked {
				runtime := redirecting(r)
				runtime.Default, runtime.Latency = logmgr.Redirection{}, 2*time.Millisecond
				defer func() {
					if got := runtime.AskedFor("idapp"); got != 1 {
						t.Errorf("asked %d times", got)
					}
				}()
			}
			r.start()
			c := r.run("app")
			r.print(c, 20*mib, time.Second)
			r.exit(c)
			r.pass(time.Hour)
			r.verify(c)
			reopens[asked] = c.Reopens()
		})
	}
	if reopens[false] != reopens[true] || reopens[true] < 10 {
		t.Errorf("%d rotations without questions, %d with them", reopens[false], reopens[true])
	}
}

// TestNothingIsRenamedBeforeTheAnswer: while it is not known where the output is, a log is
// only looked at, full or missing; then it is held to its limit at once.
func TestNothingIsRenamedBeforeTheAnswer(t *testing.T) {
	for name, spoil := range map[string]func(r *rig, c *runtimetest.Container){
		"full":    func(r *rig, c *runtimetest.Container) { r.must(c.Print("stdout", 2000, 1000)) },
		"missing": func(r *rig, c *runtimetest.Container) { r.must(os.Rename(c.Path(), c.Path()+aside)) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				runtime := redirecting(r)
				runtime.Default, runtime.Latency = logmgr.Redirection{}, 2*time.Millisecond
				answer := make(chan struct{})
				runtime.OnRedirect(func(ctx context.Context, _ string) error {
					select {
					case <-answer:
						return nil
					case <-ctx.Done():
						return ctx.Err()
					}
				})
				r.start()
				c := r.run("app")
				spoil(r, c)
				r.pass(9 * time.Second)
				if got := len(c.Asked()); got != 0 {
					t.Errorf("%d reopens before the answer", got)
				}
				if left := names(t, c.Path()); len(left) != 1 {
					t.Errorf("files %q before the answer", left)
				}
				close(answer)
				r.pass(10 * time.Millisecond)
				if got := c.Reopens(); got != 1 {
					t.Errorf("%d reopens after the answer", got)
				}
				r.verify(c)
				r.inPlace(c)
				if got := r.metric("failures_total"); got != 0 {
					t.Errorf("%v failures", got)
				}
			})
		})
	}
}
