package logmgr_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr"
	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
	"github.com/cri-logshim/cri-logshim/logmgr/runtimetest"
)

// legacyLink is the path of a container's legacy link.
func (r *rig) legacyLink(c logmgr.Container) string {
	r.Helper()
	name, err := logfile.LegacyLinkName(c.Pod, c.Namespace, c.Name, c.ID)
	r.must(err)
	return filepath.Join(r.legacy, name)
}

func target(path string) string {
	to, err := os.Readlink(path)
	if err != nil {
		return err.Error()
	}
	return to
}

func TestLegacyLinkIsMadeAfterTheGrace(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.options.LegacyDir, r.options.LinkGrace = r.legacy, 7*time.Second
		r.start()
		c := r.run("app")
		link := r.legacyLink(c.Facts())
		r.pass(6900 * time.Millisecond)
		if exists(link) {
			t.Error("the link was made before kubelet had its time")
		}
		r.pass(200 * time.Millisecond)
		if got := target(link); got != c.Path() {
			t.Errorf("the link leads to %q, want %q", got, c.Path())
		}
	})
}

// TestLegacyLinkOfAShortLife: a container that has ended within the grace has its link
// for as long as it is there, as kubelet's would be.
func TestLegacyLinkOfAShortLife(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.options.LegacyDir = r.legacy
		r.start()
		c := r.run("app")
		r.pass(time.Second)
		r.exit(c)
		r.pass(time.Minute)
		if got := target(r.legacyLink(c.Facts())); got != c.Path() {
			t.Errorf("the link leads to %q, want %q", got, c.Path())
		}
	})
}

func TestLegacyLinkIsNotMade(t *testing.T) {
	for name, prepare := range map[string]func(r *rig, c *runtimetest.Container){
		"kubelet's is there": func(r *rig, c *runtimetest.Container) {
			r.must(os.Symlink("/elsewhere", r.legacyLink(c.Facts())))
		},
		"a file is there": func(r *rig, c *runtimetest.Container) {
			r.must(os.WriteFile(r.legacyLink(c.Facts()), []byte("/elsewhere"), 0o600))
		},
		"there is no log": func(r *rig, c *runtimetest.Container) { r.must(os.Remove(c.Path())) },
		"it has exited, and there is no log": func(r *rig, c *runtimetest.Container) {
			r.exit(c)
			r.must(os.Remove(c.Path()))
		},
		"it was removed": func(r *rig, c *runtimetest.Container) { r.remove(c) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.options.LegacyDir = r.legacy
				r.policy.MaxSize = -1 // so that a missing log stays missing
				r.must(os.MkdirAll(r.legacy, 0o755))
				r.start()
				c := r.run("app")
				prepare(r, c)
				r.pass(time.Hour)
				if got := r.metric("failures_total"); got != 0 {
					t.Errorf("%v failures are counted", got)
				}
				link := r.legacyLink(c.Facts())
				if content, err := os.ReadFile(link); err == nil && string(content) == "/elsewhere" {
					return
				}
				if got := target(link); got != "/elsewhere" && exists(link) {
					t.Errorf("a link to %q was made", got)
				}
			})
		})
	}
}

// TestLegacyLinkIsMadeLater: what keeps the link from being made goes, and the link
// is made within a minute, though the container has ended by then.
func TestLegacyLinkIsMadeLater(t *testing.T) {
	for name, test := range map[string]struct {
		spoil, mend func(r *rig, c *runtimetest.Container) error
		failures    bool
	}{
		"the log comes late": {
			func(_ *rig, c *runtimetest.Container) error { return os.Remove(c.Path()) },
			func(_ *rig, c *runtimetest.Container) error { return os.WriteFile(c.Path(), nil, 0o600) },
			false,
		},
		"a file was in the directory's place": {
			func(r *rig, _ *runtimetest.Container) error { return os.WriteFile(r.legacy, nil, 0o600) },
			func(r *rig, _ *runtimetest.Container) error { return os.Remove(r.legacy) },
			true,
		},
	} {
		for _, runs := range []bool{true, false} {
			t.Run(fmt.Sprint(name, ", it still runs: ", runs), func(t *testing.T) {
				bubble(t, func(t *testing.T, r *rig) {
					r.options.LegacyDir = r.legacy
					r.policy.MaxSize = -1 // so that a missing log stays missing
					r.start()
					c := r.run("app")
					r.must(test.spoil(r, c))
					r.pass(10 * time.Minute)
					if got := r.metric("failures_total", `"link"`); test.failures != (got >= 5) || got > 20 {
						t.Errorf("%v failures are counted in ten minutes", got)
					}
					if !runs {
						r.exit(c)
					}
					r.must(test.mend(r, c))
					r.pass(61 * time.Second)
					if got := target(r.legacyLink(c.Facts())); got != c.Path() {
						t.Errorf("the link leads to %q", got)
					}
				})
			})
		}
	}
}

func TestLegacyLinkOfLongNames(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.options.LegacyDir = r.legacy
		r.start()
		facts := r.facts("app")
		facts.PodUID = "u"
		facts.Namespace = "n"
		facts.Pod = strings.Repeat("p", 240)
		c := r.behind(facts)
		r.Created(facts)
		r.Started(c.ID(), false)
		r.pass(10 * time.Second)
		link := r.legacyLink(facts)
		if len(filepath.Base(link)) != 255 || !strings.HasSuffix(link, ".log") || target(link) != c.Path() {
			t.Errorf("link %q leads to %q", filepath.Base(link), target(link))
		}
		// Nobody can tell from the cut name whose link it is, but its owner can.
		r.must(os.RemoveAll(filepath.Dir(c.Path())))
		r.remove(c)
		r.pass(5 * time.Second)
		if exists(link) {
			t.Error("the link of a container that is gone is left")
		}
	})
}

func TestLegacyLinksOfGoneContainers(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.options.LegacyDir = r.legacy
		r.start()
		kept, cleaned, live := r.run("kept"), r.run("cleaned"), r.run("live")
		r.pass(6 * time.Second)
		outside := filepath.Join(r.legacy, "pod_ns_app-outside.log")
		unknown := filepath.Join(r.legacy, "pod_ns_app-unknown.log")
		odd := filepath.Join(r.legacy, "odd.log")
		alive := filepath.Join(r.legacy, "pod_ns_app-alive.log")
		regular := filepath.Join(r.legacy, "pod_ns_app-regular.log")
		existing := filepath.Join(r.legacy, "pod_ns_live-"+live.ID()+".log") // as kubelet's of a log that is not there yet
		r.must(os.Symlink("/nowhere/0.log", outside))
		r.must(os.Symlink(filepath.Join(r.dir, "gone", "app", "0.log"), unknown))
		r.must(os.Symlink(filepath.Join(r.dir, "gone", "app", "0.log"), odd))
		r.must(os.Symlink(live.Path(), alive))
		r.must(os.WriteFile(regular, nil, 0o600))
		r.must(os.Remove(existing))
		r.must(os.Symlink(filepath.Join(r.dir, "not yet", "0.log"), existing))

		r.must(os.RemoveAll(filepath.Dir(cleaned.Path()))) // as kubelet's Clean, before the removal
		r.remove(cleaned)
		r.remove(kept)
		r.pass(time.Second)
		if exists(r.legacyLink(cleaned.Facts())) {
			t.Error("the dangling link is not removed with its container")
		}
		r.pass(2 * time.Minute)
		for path, stays := range map[string]bool{
			r.legacyLink(kept.Facts()): true, // the log is still there
			existing:                   true,
			outside:                    true, // foreign
			odd:                        true, // foreign
			alive:                      true,
			regular:                    true,
			unknown:                    false,
		} {
			if exists(path) != stays {
				t.Errorf("%q exists: %t, want %t", filepath.Base(path), !stays, stays)
			}
		}
	})
}

// TestLegacyLinkOfTheNextAttempt: a container that begins within the grace of the
// one before it at the same path gets its own link.
func TestLegacyLinkOfTheNextAttempt(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.options.LegacyDir = r.legacy
		r.start()
		first := r.run("app")
		r.pass(2 * time.Second)
		r.exit(first)
		second := r.runAgain("app", "idsecond")
		r.pass(time.Minute)
		if got := target(r.legacyLink(second.Facts())); got != second.Path() {
			t.Errorf("the second one's link: %q", got)
		}
	})
}
