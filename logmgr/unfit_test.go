package logmgr_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/cri-logshim/cri-logshim/logmgr"
)

// TestUnfitContainersAreNotTouched: paths that escape and names that are none are
// refused and counted once, and nobody touches their files.
func TestUnfitContainersAreNotTouched(t *testing.T) {
	for name, unfit := range map[string]struct {
		reason string
		spoil  func(c *logmgr.Container, outside string)
	}{
		"log directory elsewhere":       {"outside_pod_logs_dir", func(c *logmgr.Container, outside string) { c.LogDirectory = outside }},
		"log path leaves its directory": {"path_escapes", func(c *logmgr.Container, _ string) { c.LogPath = "../../escaped/app/0.log" }},
		"absolute path elsewhere":       {"outside_pod_logs_dir", func(c *logmgr.Container, outside string) { c.LogDirectory, c.LogPath = "", outside+"/app/0.log" }},
		"pod name with a slash":         {"invalid_name", func(c *logmgr.Container, _ string) { c.Pod = "a/b" }},
		"namespace is ..":               {"invalid_name", func(c *logmgr.Container, _ string) { c.Namespace = ".." }},
		"container name is empty":       {"invalid_name", func(c *logmgr.Container, _ string) { c.Name = "" }},
		"container name with NUL":       {"invalid_name", func(c *logmgr.Container, _ string) { c.Name = "a\x00b" }},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.options.LegacyDir = r.legacy
				facts := r.facts("app")
				unfit.spoil(&facts, filepath.Join(filepath.Dir(r.dir), "outside"))
				r.start()
				c := r.behind(facts)
				r.Created(facts)
				r.Started(c.ID(), false)
				r.must(c.Print("stdout", 3000, 1000))
				r.Hold(r.Context(), c.ID())
				if answered, done := r.BeginReopen(r.Context(), c.ID()); answered {
					t.Error("answered")
				} else {
					done(nil)
				}
				r.pass(time.Minute)
				if got := names(t, c.Path()); len(got) != 1 || c.Reopens() > 0 {
					t.Errorf("files %q, %d reopens", got, c.Reopens())
				}
				if all, one := r.metric("containers_not_managed_total"), r.metric("containers_not_managed_total", `"`+unfit.reason+`"`); all != 1 || one != 1 {
					t.Errorf("%v refusals are counted, %v as %s", all, one, unfit.reason)
				}
				if exists(r.legacy) {
					t.Errorf("links were made: %q", names(t, r.legacy+"/x"))
				}
				r.remove(c)
				r.pass(time.Second)
			})
		})
	}
}

// TestNoLog: a container whose output is thrown away is none of our business, and
// no fault of anybody's.
func TestNoLog(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		facts := r.facts("app")
		facts.LogDirectory, facts.LogPath = "", ""
		r.start()
		c := r.behind(facts)
		r.Created(facts)
		r.Started(c.ID(), false)
		r.pass(time.Minute)
		r.exit(c)
		r.remove(c)
		r.pass(time.Minute)
		if got := r.metric("containers_not_managed_total") + r.metric("logs_managed") + r.metric("failures_total"); got != 0 {
			t.Errorf("counted %v", got)
		}
	})
}

func TestPlace(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		facts := r.facts("app")
		facts.Attempt = 12
		dir, path, err := r.Place(facts)
		if dir != facts.LogDirectory || path != "app/12.log" || err != nil {
			t.Errorf("Place: %q, %q, %v", dir, path, err)
		}
		facts.Pod = "../x"
		if dir, path, err := r.Place(facts); err == nil {
			t.Errorf("Place of a bad name: %q, %q", dir, path)
		}
	})
}

// TestWrongPodLogsDir: when the logs of all containers lie elsewhere, podLogsDir is wrong.
// That is told, by name, until one is managed or they have gone.
func TestWrongPodLogsDir(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		elsewhere := filepath.Join(filepath.Dir(r.dir), "elsewhere")
		strays := map[string]func(*logmgr.Container){
			"made": func(c *logmgr.Container) { c.LogDirectory = elsewhere + "/ns_pod_uid" },
			"read": func(c *logmgr.Container) { c.LogDirectory, c.LogPath = "", elsewhere+"/ns_pod_uid/app/0.log" },
			"near": func(c *logmgr.Container) { c.LogDirectory = r.dir + "-2/ns_pod_uid" },
		}
		told := func(want int) {
			t.Helper()
			r.pass(10 * time.Millisecond) // before the runtime, which has none of them, is asked
			trouble := strings.Join(r.Trouble(), "\n")
			if want == 0 && trouble != "" {
				t.Errorf("trouble %q", trouble)
			}
			if want > 0 && (!strings.Contains(trouble, fmt.Sprintf("all containers (%d) lie outside podLogsDir %q", want, r.dir))) {
				t.Errorf("trouble %q does not tell of %d containers", trouble, want)
			}
		}
		told(0)
		for name, stray := range strays {
			facts := r.facts(name)
			stray(&facts)
			r.Created(facts)
		}
		told(len(strays))
		for _, e := range r.journal.AllEntries() {
			text := fmt.Sprint(e.Data[logrus.ErrorKey])
			if e.Level == logrus.WarnLevel && (!strings.Contains(text, fmt.Sprintf("outside podLogsDir %q", r.dir)) || !strings.Contains(text, "set podLogsDir to")) {
				t.Errorf("said %q, which does not tell what to do", text)
			}
		}
		if got := r.said("not managing this container's log"); got != len(strays) {
			t.Errorf("%d warnings", got)
		}
		named := r.facts("named")
		named.Pod = "a/b" // its own fault
		r.Created(named)
		told(len(strays))
		c := r.run("app")
		told(0)
		r.remove(c)
		told(len(strays))
		for name := range strays {
			r.Removed("id" + name)
		}
		told(0)
	})
}
