package docker

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

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
	r.Runtime.away.answeredAt = time.Now().Add(-2 * outagePause) // else it may be that container's fault
	r.engine.stop()
	redirect(logmgr.Redirection{Elsewhere: true, Path: path, Provisional: true}) // without the limits, which are kept nowhere
	r.engine.start(t)
	redirect(want)
	r.engine.stop()
	redirect(logmgr.Redirection{Elsewhere: true, Path: path, Provisional: true})
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

// Of a container that was not started since Docker's data was moved, the engine names the
// file where it has been: it is found where the data is now, with and without the engine.
// Where there is none, what the engine says holds.
func TestMovedData(t *testing.T) {
	r := newRig(t)
	stale := logFile("/moved/away", id)
	options := map[string]string{"max-size": "10m"}
	r.engine.say(http.StatusOK, inspection(stale, "json-file", options))
	want := logmgr.Redirection{Elsewhere: true, Path: stale, Driver: "json-file", MaxSize: 10e6, MaxFiles: 1}
	if got, err := r.Redirect(t.Context(), id); err != nil || got != want {
		t.Errorf("before there is a file: %+v, %v, want %+v", got, err, want)
	}
	path := put(t, r.root, "", true)
	want.Path = path
	if got, err := r.Redirect(t.Context(), id); err != nil || got != want {
		t.Errorf("%+v, %v, want %+v", got, err, want)
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

// A container of which the engine never answers, while it does of others, is no outage of the
// engine.
func TestOneContainerIsStuck(t *testing.T) {
	r := newRig(t)
	path := put(t, r.root, "", true)
	r.Runtime.root = r.root
	well := strings.Repeat("f", len(id))
	r.engine.answer(func(w http.ResponseWriter, req *http.Request) {
		if strings.Contains(req.URL.Path, id) {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		fmt.Fprintf(w, `{"Id":%q,"LogPath":%q,"HostConfig":{"LogConfig":{"Type":"json-file"}}}`, well, path)
	})
	for range 3 {
		for _, asked := range []string{well, id} {
			if _, err := r.Redirect(t.Context(), asked); err != nil {
				t.Fatal(err)
			}
		}
		r.Runtime.away.toldAt = time.Now().Add(-2 * outagePause)
	}
	if got := r.told(); len(got) > 0 {
		t.Errorf("told of %q", got)
	}
	r.Runtime.away.answeredAt = time.Now().Add(-2 * outagePause)
	if _, err := r.Redirect(t.Context(), id); err != nil || len(r.told()) != 1 {
		t.Errorf("after a while without any answer: %v, told of %q", err, r.told())
	}
}
