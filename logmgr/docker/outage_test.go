package docker

import (
	"net/http"
	"slices"
	"testing"

	"github.com/cri-logshim/cri-logshim/logmgr"
)

// An engine that goes and comes back: meanwhile the rule holds in the directory that was
// learned before, and each change is told once.
func TestGoneAndBack(t *testing.T) {
	r := newRig(t)
	path := put(t, r.root, "", true)
	answer := inspection(path, "json-file", map[string]string{"max-size": "10m"})
	r.engine.say(http.StatusOK, answer)
	want := logmgr.Redirection{Elsewhere: true, Path: path, Driver: "json-file", MaxSize: 10e6, MaxFiles: 1}
	redirect := func(want logmgr.Redirection) {
		t.Helper()
		for range 3 {
			if got, err := r.Redirect(t.Context(), id); err != nil || got != want {
				t.Errorf("%+v, %v, want %+v", got, err, want)
			}
		}
	}
	redirect(want)
	r.engine.stop()
	redirect(logmgr.Redirection{Elsewhere: true, Path: path}) // without the limits, which are kept nowhere
	r.engine.start(t)
	redirect(want)
	r.engine.stop()
	redirect(logmgr.Redirection{Elsewhere: true, Path: path})
	r.engine.start(t)
	redirect(want)
	told := []string{
		"Docker Engine does not tell where containers' logs are: they are looked for in its data directory",
		"Docker Engine answers again", // and the second outage comes within the minute
	}
	if got := r.told(); !slices.Equal(got, told) {
		t.Errorf("it is told of %q", got)
	}
}

// What the engine says of a container from before its data was moved does not mislead.
func TestMovedData(t *testing.T) {
	r := newRig(t)
	path := put(t, r.root, "", true)
	moved := logFile("/moved/away", id)
	for _, told := range []string{path, moved} {
		r.engine.say(http.StatusOK, inspection(told, "json-file", nil))
		if got, err := r.Redirect(t.Context(), id); err != nil || got.Path != told {
			t.Errorf("%+v, %v, want %q", got, err, told)
		}
	}
	r.engine.stop()
	if got, err := r.Redirect(t.Context(), id); err != nil || got.Path != path {
		t.Errorf("%+v, %v, want %q", got, err, path)
	}
}

// An engine that hangs is waited for once, where the directory is known.
func TestHangIsWaitedForOnce(t *testing.T) {
	r := newRig(t)
	path := put(t, r.root, "", true)
	r.Runtime.root = r.root
	r.engine.answer(func(_ http.ResponseWriter, req *http.Request) { <-req.Context().Done() })
	if got, err := r.Redirect(t.Context(), id); err != nil || got.Path != path {
		t.Errorf("%+v, %v, want %q", got, err, path)
	}
	if asked := r.engine.asked.Load(); asked != 1 {
		t.Errorf("the engine was asked %d times", asked)
	}
}

// An engine that tells of itself but not of a container: its data directory counts.
func TestRootFromInfo(t *testing.T) {
	r := newRig(t)
	path := put(t, r.root, "", true)
	r.engine.say(http.StatusInternalServerError, "")
	if got, err := r.Redirect(t.Context(), id); err != nil || got.Path != path {
		t.Errorf("%+v, %v, want %q", got, err, path)
	}
}
