package docker

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr"
)

// faults are the ways in which an engine does not tell, and what is said of each.
func faults() map[string]struct {
	fail func(e *fakeEngine)
	says string
} {
	type fault = struct {
		fail func(e *fakeEngine)
		says string
	}
	return map[string]fault{
		"it hangs":               {func(e *fakeEngine) { e.answer(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }) }, "no answer within 2s"},
		"it hangs in the middle": {func(e *fakeEngine) { e.answer(hangInTheMiddle) }, "no answer within 2s"},
		"the answer is cut":      {func(e *fakeEngine) { e.answer(cutShort) }, "unexpected EOF"},
		"it fails":               {func(e *fakeEngine) { e.say(500, `{"message":"layer\nis gone"}`) }, `it answers "500 Internal Server Error": "layer\nis gone"`},
		"the answer is too long": {func(e *fakeEngine) { e.answer(endless) }, "longer than 4194304 bytes"},
		"it is no JSON":          {func(e *fakeEngine) { e.say(200, "<html>") }, "docker.endpoint"},
		"it is another JSON":     {func(e *fakeEngine) { e.say(200, `[1, 2]`) }, "docker.endpoint"},
		"it is about another":    {func(e *fakeEngine) { e.say(200, `{"Id": "another", "LogPath": "/etc/shadow"}`) }, "docker.endpoint"},
		"it is about nothing":    {func(e *fakeEngine) { e.say(200, `{}`) }, "docker.endpoint"},
		"it knows no such path":  {func(e *fakeEngine) { e.say(404, `{"message":"page not found"}`) }, "404"},
		"it speaks no HTTP":      {func(e *fakeEngine) { e.answer(junk) }, "malformed HTTP"},
		"it hangs up": {func(e *fakeEngine) {
			e.answer(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
		}, "EOF"},
		"it leads elsewhere":             {func(e *fakeEngine) { e.answer(elsewhere) }, "302"},
		"the path is relative":           {func(e *fakeEngine) { e.say(200, inspection("containers/c-json.log", "json-file", nil)) }, "not an absolute path"},
		"the path has a zero":            {func(e *fakeEngine) { e.say(200, inspection("/a\x00b", "json-file", nil)) }, "zero byte"},
		"nobody listens":                 {func(e *fakeEngine) { e.stop() }, "is dockerd running"},
		"its data directory is relative": {func(e *fakeEngine) { e.root = "data"; e.say(500, "") }, "500"},
	}
}

func hangInTheMiddle(w http.ResponseWriter, r *http.Request) {
	fmt.Fprint(w, `{"Id": "`)
	w.(http.Flusher).Flush()
	<-r.Context().Done()
}

func cutShort(w http.ResponseWriter, _ *http.Request) {
	text := inspection("/etc/shadow", "json-file", nil)
	w.Header().Set("Content-Length", fmt.Sprint(len(text)))
	fmt.Fprint(w, text[:len(text)-10])
}

func endless(w http.ResponseWriter, r *http.Request) {
	for piece := []byte(strings.Repeat(" ", 1<<16)); r.Context().Err() == nil; {
		if _, err := w.Write(piece); err != nil {
			return
		}
	}
}

func junk(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "SSH-2.0-OpenSSH_9.2\r\n")
}

func elsewhere(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, "/elsewhere", http.StatusFound)
}

// Whatever the engine does, the error says what it was and where, in a line, and is never
// taken for a container that is gone, nor for output at the log path.
func TestFaults(t *testing.T) {
	for name, test := range faults() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.Runtime.root = r.root // and not this machine's own
			test.fail(r.engine)
			patient, cancel := context.WithTimeout(t.Context(), time.Minute) // that it must not use up
			defer cancel()
			got, err := r.Redirect(patient, id)
			if err == nil || errors.Is(err, logmgr.ErrNotFound) || got != (logmgr.Redirection{Elsewhere: true}) {
				t.Fatalf("%+v, %v, want an error", got, err)
			}
			for _, part := range []string{test.says, r.engine.path, id, r.root} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("the error does not say %q: %v", part, err)
				}
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("an error of several lines: %q", err)
			}
			if patient.Err() != nil {
				t.Error("it took all the time that it was given")
			}
			if told := r.told(); len(told) != 0 {
				t.Errorf("the caller has the error, and it is told of %q", told)
			}
		})
	}
}

// Whoever answers and is not Docker is told of with the setting that leads there; what Docker
// itself complains of is no matter of that.
func TestHint(t *testing.T) {
	for name, test := range faults() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.Runtime.root = r.root
			test.fail(r.engine)
			_, err := r.Redirect(t.Context(), id)
			itself := name == "it fails" || strings.HasPrefix(name, "the path ")
			if err == nil || strings.Contains(err.Error(), "does docker.endpoint name its socket?") == itself {
				t.Errorf("%v", err)
			}
		})
	}
}

// Whatever the engine does, a file that is where the rule says is found, with the limits
// that Docker keeps beside it; and it is said once that the engine does not tell.
func TestFaultsWithRule(t *testing.T) {
	for name, test := range faults() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.Runtime.root = r.root
			path := put(t, r.root, `{"Binds": null, "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}}}`, true)
			test.fail(r.engine)
			want := logmgr.Redirection{Elsewhere: true, Path: path, Driver: "json-file", MaxSize: 10e6, MaxFiles: 3, Provisional: true}
			for range 2 {
				if got, err := r.Redirect(t.Context(), id); err != nil || got != want {
					t.Errorf("%+v, %v, want %+v", got, err, want)
				}
			}
			if told := r.told(); len(told) != 1 {
				t.Errorf("it is told of %q", told)
			}
		})
	}
}

// A container that the engine does not know is gone, whatever has been left of it.
func TestGone(t *testing.T) {
	r := newRig(t)
	put(t, r.root, "", true)
	for _, body := range []string{`{"message":"No such container: ` + id + `"}`, "No such container: " + id + "\n"} {
		r.engine.say(404, body)
		if got, err := r.Redirect(t.Context(), id); !errors.Is(err, logmgr.ErrNotFound) || got != (logmgr.Redirection{Elsewhere: true}) {
			t.Errorf("%+v, %v, want that it is not found", got, err)
		}
	}
}

// Whoever has no time left gets their own error, at once and no answer by the rule.
func TestCancelled(t *testing.T) {
	r := newRig(t)
	put(t, r.root, "", true)
	ctx, cancel := context.WithCancel(t.Context())
	r.engine.answer(func(_ http.ResponseWriter, req *http.Request) {
		cancel()
		<-req.Context().Done()
	})
	if got, err := r.Redirect(ctx, id); !errors.Is(err, context.Canceled) || got != (logmgr.Redirection{Elsewhere: true}) {
		t.Errorf("%+v, %v, want the cancellation", got, err)
	}
	if told := r.told(); len(told) != 0 {
		t.Errorf("it is told of %q", told)
	}
}
