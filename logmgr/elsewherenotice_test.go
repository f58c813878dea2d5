package logmgr_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr"
	"github.com/cri-logshim/cri-logshim/logmgr/runtimetest"
)

const unboundedNotice = "files of running containers have no limit"

// runUnbounded runs a container whose file the runtime never rotates.
func (r *rig) runUnbounded(runtime *runtimetest.Redirecting, name string, lines int) *runtimetest.Container {
	r.Helper()
	facts := r.facts(name)
	to := r.jsonFile(r.TempDir(), facts.ID)
	to.MaxSize, to.MaxFiles = 0, 0
	c := r.elsewhere(runtime, facts, to)
	r.must(c.Print("stdout", lines, 100))
	r.Created(facts)
	r.Started(facts.ID, false)
	return c
}

// TestUnboundedFilesAreCounted: one line says of how many running containers nothing bounds
// the file and which is the largest, though they become known one after the other; those that
// have ended grow no more.
func TestUnboundedFilesAreCounted(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		runtime := redirecting(r)
		r.start()
		r.pass(time.Second) // the list of the start is over
		ended := r.facts("ended")
		to := r.jsonFile(t.TempDir(), ended.ID)
		to.MaxSize = 0
		r.must(r.elsewhere(runtime, ended, to).Exit())
		r.Reconcile()
		r.pass(time.Minute)
		if got := r.said(unboundedNotice); got != 0 {
			t.Errorf("told of a container that has ended: %q", r.lines(unboundedNotice))
		}
		for i := range 5 {
			r.runUnbounded(runtime, fmt.Sprint("app", i), 10*(i+1))
			r.pass(100 * time.Millisecond)
		}
		r.pass(time.Hour)
		said := r.lines(unboundedNotice)
		if len(said) != 1 || !strings.Contains(said[0], "files:5") || !strings.Contains(said[0], "idapp4-json.log") {
			t.Errorf("said %q", said)
		}
	})
}

// TestNoticesOfTheProcessBefore: what it has said of its logs is not said again by the one
// that takes over, but what is new is.
func TestNoticesOfTheProcessBefore(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		runtime := redirecting(r)
		r.options.TakesOver = true
		r.start()
		r.runUnbounded(runtime, "old", 10)
		journald := r.facts("journald")
		r.elsewhere(runtime, journald, logmgr.Redirection{Elsewhere: true, Driver: "journald"})
		r.Reconcile()
		r.pass(10 * time.Minute)
		if unbounded, drivers := r.said(unboundedNotice), r.said("log driver"); unbounded != 0 || drivers != 0 {
			t.Errorf("said %q, %q", r.lines(unboundedNotice), r.lines("log driver"))
		}
		r.runUnbounded(runtime, "new", 10)
		r.pass(time.Minute)
		if got := r.said(unboundedNotice); got != 1 {
			t.Errorf("told %d times of a new one", got)
		}
	})
}

// TestMadeLinksAreCounted: each link that was made or repaired counts, and none that was
// right.
func TestMadeLinksAreCounted(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		runtime := redirecting(r)
		r.start()
		c, _ := r.runElsewhere(runtime, "app")
		for want := 1.0; want < 4; want++ {
			r.pass(time.Minute)
			if got := r.metric("elsewhere_links_made_total"); got != want {
				t.Errorf("counted %v links, want %v", got, want)
			}
			r.must(os.Remove(c.Path()))
		}
	})
}

// TestNoFileHasNoSize: in the status, a size of 0 would read as that of a file.
func TestNoFileHasNoSize(t *testing.T) {
	for _, test := range []struct {
		log  logmgr.ElsewhereLog
		want string
	}{
		{
			logmgr.ElsewhereLog{Pod: "p", Driver: "local"},
			`{"namespace":"","pod":"p","container":"","attempt":0,"path":"","driver":"local"}`,
		},
		{
			logmgr.ElsewhereLog{Pod: "p", Driver: "json-file", File: "/f"},
			`{"namespace":"","pod":"p","container":"","attempt":0,"path":"","file":"/f","driver":"json-file","bytes":0,"diskBytes":0,"maxSize":0,"rotations":0}`,
		},
	} {
		text, err := json.Marshal([]logmgr.ElsewhereLog{test.log})
		if err != nil || string(text) != "["+test.want+"]" {
			t.Errorf("%s, %v", text, err)
		}
	}
}
