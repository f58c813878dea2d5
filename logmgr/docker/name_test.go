package docker

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr"
	"github.com/cri-logshim/cri-logshim/logmgr/criruntime"
)

// A runtime that is not Docker's costs one call on each connection, and the engine none.
func TestOtherRuntimes(t *testing.T) {
	for _, name := range []string{"containerd", "cri-o", "", "Docker", "docker "} {
		r := newRig(t)
		r.cri.call(name)
		for range 100 {
			if got, err := r.Redirect(t.Context(), id); err != nil || got != (logmgr.Redirection{}) {
				t.Fatalf("%q: %+v, %v", name, got, err)
			}
		}
		if r.cri.asked.Load() != 1 || r.engine.asked.Load() != 0 {
			t.Errorf("%q: the runtime was asked %d times, the engine %d times", name, r.cri.asked.Load(), r.engine.asked.Load())
		}
	}
}

// After a reconnect the name is asked again, since the endpoint may have changed hands.
func TestReconnected(t *testing.T) {
	r := newRig(t)
	r.engine.say(http.StatusOK, inspection("", "none", nil))
	for _, name := range []string{"docker", "docker", "containerd", "docker"} {
		r.cri.call(name)
		r.Reconnected()
		if got, err := r.Redirect(t.Context(), id); err != nil || got.Elsewhere != (name == "docker") {
			t.Errorf("%q: %+v, %v", name, got, err)
		}
	}
	if told := len(r.logs.AllEntries()) - len(r.told()); told != 2 {
		t.Errorf("it was told %d times that the runtime is Docker, which it has become twice", told)
	}
}

// A runtime that does not answer is no runtime that is not Docker's: it is asked again.
func TestSilentRuntime(t *testing.T) {
	r := newRig(t)
	r.engine.say(http.StatusOK, inspection("", "none", nil))
	r.cri.name.Store(nil)
	for range 2 {
		if got, err := r.Redirect(t.Context(), id); err == nil || got != (logmgr.Redirection{}) || !strings.Contains(err.Error(), "nobody there") {
			t.Errorf("%+v, %v, want an error", got, err)
		}
	}
	r.cri.call("docker")
	if got, err := r.Redirect(t.Context(), id); err != nil || !got.Elsewhere {
		t.Errorf("%+v, %v", got, err)
	}
}

// Many who ask at once, while the runtime is connected anew, and the name is asked once for
// each connection.
func TestManyAtOnce(t *testing.T) {
	r := newRig(t)
	r.engine.say(http.StatusOK, inspection("/data/c", "json-file", nil))
	var asking sync.WaitGroup
	for range 8 {
		for range 25 {
			asking.Go(func() {
				if got, err := r.Redirect(t.Context(), id); err != nil || got.Path != "/data/c" {
					t.Errorf("%+v, %v", got, err)
				}
			})
		}
		asking.Wait()
		r.Reconnected()
	}
	if asked := r.cri.asked.Load(); asked != 8 {
		t.Errorf("the name was asked %d times on 8 connections", asked)
	}
	if conns := r.engine.conns.Load(); conns > maxConnections {
		t.Errorf("there were %d connections to the engine", conns)
	}
}

// On a starved node the name comes late, and is taken all the same, once for all who ask: the
// caller's patience counts. Whoever has none left gets an error, and nobody else does.
func TestSlowRuntime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := &fakeCRI{takes: 9 * time.Second}
		conn.call("containerd")
		r := New(criruntime.New(conn), "", quiet())
		defer r.Close()
		var asking sync.WaitGroup
		for i := range 8 {
			asking.Go(func() {
				wait := 10 * time.Second
				if i == 0 {
					wait = 3 * time.Second
				}
				time.Sleep(time.Duration(min(i, 1)) * time.Millisecond)
				ctx, cancel := context.WithTimeout(t.Context(), wait+time.Duration(i)*5*time.Second)
				defer cancel()
				got, err := r.Redirect(ctx, id)
				if (err != nil) != (i == 0) || got != (logmgr.Redirection{}) {
					t.Errorf("%d: %+v, %v", i, got, err)
				}
			})
		}
		asking.Wait()
		if asked := conn.asked.Load(); asked != 2 {
			t.Errorf("the name was asked %d times", asked)
		}
	})
}

// TestEightAtOnce: as many as the log manager asks at once are with the engine at once, so
// that none loses its patience to the others.
func TestEightAtOnce(t *testing.T) {
	const atOnce = 8
	r := newRig(t)
	path := put(t, r.root, "", true)
	var with atomic.Int64
	all := make(chan struct{})
	r.engine.answer(func(w http.ResponseWriter, req *http.Request) {
		if with.Add(1) == atOnce {
			close(all)
		}
		select {
		case <-all:
			fmt.Fprint(w, inspection(path, "json-file", nil))
		case <-req.Context().Done():
		}
	})
	var asking sync.WaitGroup
	for range atOnce {
		asking.Go(func() {
			if got, err := r.Redirect(t.Context(), id); err != nil || got.Path != path || got.Provisional {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
	asking.Wait()
}
