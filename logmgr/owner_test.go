package logmgr_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr"
	"github.com/cri-logshim/cri-logshim/logmgr/runtimetest"
)

// samePath are the facts of a container whose log is at the path of another one's.
func (r *rig) samePath(name, id string) logmgr.Container {
	facts := r.facts(name)
	facts.ID = id
	return facts
}

// steady makes sure that for ten minutes a link leads to a file and stays the very same.
func (r *rig) steady(link, file string) {
	r.Helper()
	r.leadsTo(link, file)
	before, err := os.Lstat(link)
	r.must(err)
	for range 60 {
		r.pass(10 * time.Second)
		if target(link) != file {
			break
		}
	}
	r.leadsTo(link, file)
	if after, err := os.Lstat(link); err != nil || !os.SameFile(before, after) {
		r.Errorf("the link was made anew: %v", err)
	}
}

// TestOnePathOfSeveral: where a restart count is used again, an ended container and its
// successor have one log path, and so have two by a fault of kubelet's. The link leads to
// the output of the one that runs, of two that run to the first one's, and stays there.
func TestOnePathOfSeveral(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		runtime := redirecting(r)
		r.start()
		root := t.TempDir()
		var all []*runtimetest.Container
		var files []string
		run := func() {
			facts := r.samePath("app", fmt.Sprint("id", len(all)))
			to := r.jsonFile(root, facts.ID)
			c := r.elsewhere(runtime, facts, to)
			r.Created(facts)
			r.Started(facts.ID, false)
			all, files = append(all, c), append(files, to.Path)
			r.pass(10 * time.Millisecond)
		}
		for range 3 {
			run()
			r.steady(all[0].Path(), files[len(files)-1])
			r.exit(all[len(all)-1])
			r.steady(all[0].Path(), files[len(files)-1])
		}
		run()
		running := files[len(files)-1]
		run() // the first one goes on
		r.steady(all[0].Path(), running)
		r.Reconnected()
		r.steady(all[0].Path(), running)

		r.exit(all[3])
		r.pass(10 * time.Millisecond)
		r.steady(all[0].Path(), files[4])
		r.must(os.Remove(files[4]))
		r.remove(all[4])
		r.pass(10 * time.Millisecond)
		r.steady(all[0].Path(), files[3])
	})
}

// TestOnePathOfSeveralAdopted: so it is for a manager that finds them all.
func TestOnePathOfSeveralAdopted(t *testing.T) {
	for range 8 { // in whatever order they are found
		bubble(t, func(t *testing.T, r *rig) {
			runtime := redirecting(r)
			root := t.TempDir()
			var link, file string
			for i := range 5 {
				facts := r.samePath("app", fmt.Sprint("id", i))
				to := r.jsonFile(root, facts.ID)
				c := r.elsewhere(runtime, facts, to)
				link = c.Path()
				if i != 2 {
					r.must(c.Exit())
					continue
				}
				file = to.Path
			}
			r.start()
			r.pass(6 * time.Second)
			r.steady(link, file)
		})
	}
}

// TestPathComesBack: a path whose output was elsewhere is held to its limit for a container
// that writes there, as after a change of the runtime.
func TestPathComesBack(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		runtime := redirecting(r)
		r.start()
		old, file := r.runElsewhere(runtime, "app")
		r.exit(old)
		r.pass(time.Second)
		runtime.Default = logmgr.Redirection{}
		r.must(os.Remove(file))
		r.must(os.Remove(old.Path()))
		c := r.runAgain("app", "another")
		r.pass(10 * time.Millisecond)
		if got := r.metric("logs_managed"); got != 1 {
			t.Errorf("%v logs are said to be held to their policy", got)
		}
		r.must(c.Print("stdout", 2000, 1000))
		r.pass(20 * time.Second)
		if c.Reopens() != 1 {
			t.Errorf("%d rotations of a full log", c.Reopens())
		}
		r.verify(c)
	})
}
