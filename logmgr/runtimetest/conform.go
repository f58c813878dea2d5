package runtimetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cri-logshim/cri-logshim/logmgr"
)

// Env is a runtime and a way to have containers in it.
type Env struct {
	Runtime    logmgr.Runtime
	PodLogsDir string
	// Overwrites is set for a runtime whose reopen destroys a log that was not
	// renamed before.
	Overwrites bool
	// Run makes and starts a container that writes numbered lines without end, and
	// removes it when the test ends.
	Run func(t *testing.T) Instance
}

// Instance is a container that writes numbered lines (see Read) without end.
type Instance struct {
	// Facts are the container's; LogPath is absolute.
	Facts logmgr.Container
	// Stop ends the container, and lets it write its streams' last lines.
	Stop func(t *testing.T)
	// Remove removes the stopped container. Its log stays.
	Remove func(t *testing.T)
}

// Conform tests what the log manager relies on. Every Runtime has to pass it.
func Conform(t *testing.T, env Env) {
	t.Run("list", env.list)
	t.Run("status", env.status)
	t.Run("reopen after a rename", env.reopen)
	t.Run("reopen without a rename", env.reopenInPlace)
	t.Run("reopen of a missing log", env.reopenMissing)
	t.Run("refusals", env.refusals)
}

// patience is how long a condition may take to come about. It is no property.
const patience = time.Minute

// await waits until f is true.
func await(t *testing.T, what string, f func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for end := time.After(patience); !f(); {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// grows waits until the file at path, whichever that is by then, grows.
func grows(t *testing.T, path string) {
	t.Helper()
	var before int64 = -1
	await(t, fmt.Sprintf("%q grows", path), func() bool {
		info, err := os.Stat(path)
		if err != nil {
			return false
		}
		if before < 0 {
			before = info.Size()
		}
		return info.Size() > before
	})
}

func (e Env) stateOf(t *testing.T, id string) logmgr.State {
	t.Helper()
	list, err := e.Runtime.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range list {
		if l.ID == id {
			return l.State
		}
	}
	return -1
}

func (e Env) list(t *testing.T) {
	c := e.Run(t)
	if got := e.stateOf(t, c.Facts.ID); got != logmgr.StateRunning {
		t.Errorf("a running container is listed with state %v", got)
	}
	c.Stop(t)
	if got := e.stateOf(t, c.Facts.ID); got != logmgr.StateExited {
		t.Errorf("a stopped container is listed with state %v", got)
	}
	c.Remove(t)
	if got := e.stateOf(t, c.Facts.ID); got != -1 {
		t.Errorf("a removed container is listed with state %v", got)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.Runtime.List(ended); err == nil {
		t.Error("a list is given to somebody who has gone")
	}
}

func (e Env) status(t *testing.T) {
	c := e.Run(t)
	got, err := e.Runtime.Status(t.Context(), c.Facts.ID)
	if err != nil {
		t.Fatal(err)
	}
	want := c.Facts
	want.State, want.LogDirectory = logmgr.StateRunning, ""
	got.LogPath, got.LogDirectory = filepath.Join(got.LogDirectory, got.LogPath), ""
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	c.Stop(t)
	if got, err = e.Runtime.Status(t.Context(), c.Facts.ID); err != nil || got.State != logmgr.StateExited {
		t.Errorf("status of a stopped container: %+v, %v", got, err)
	}
	c.Remove(t)
	if _, err = e.Runtime.Status(t.Context(), c.Facts.ID); !errors.Is(err, logmgr.ErrNotFound) {
		t.Errorf("status of a removed container: %v, want ErrNotFound", err)
	}
}

// reopen: after a rename and a reopen there is a new file, all later lines go
// there, and no line is lost.
func (e Env) reopen(t *testing.T) {
	c := e.Run(t)
	log := c.Facts.LogPath
	for second := range 3 {
		grows(t, log)
		old := fmt.Sprintf("%s.20260101-00000%d.000000000", log, second)
		if err := os.Rename(log, old); err != nil {
			t.Fatal(err)
		}
		if err := e.Runtime.ReopenLog(t.Context(), c.Facts.ID); err != nil {
			t.Fatalf("reopen: %v", err)
		}
		before, err := os.Stat(old)
		if err != nil {
			t.Fatal(err)
		}
		after, err := os.Stat(log)
		if err != nil {
			t.Fatalf("after the reopen: %v", err)
		}
		if os.SameFile(before, after) {
			t.Fatal("the runtime opened the old file")
		}
	}
	grows(t, log)
	c.Stop(t)
	e.complete(t, log)
}

// reopenInPlace: without a rename a reopen does no harm, except where the
// manager must know better.
func (e Env) reopenInPlace(t *testing.T) {
	if e.Overwrites {
		return // harmful, which is what the manager must avoid
	}
	c := e.Run(t)
	grows(t, c.Facts.LogPath)
	if err := e.Runtime.ReopenLog(t.Context(), c.Facts.ID); err != nil {
		t.Fatalf("reopen: %v", err)
	}
	grows(t, c.Facts.LogPath)
	c.Stop(t)
	e.complete(t, c.Facts.LogPath)
}

// reopenMissing: a reopen heals a log that somebody has moved away long ago.
func (e Env) reopenMissing(t *testing.T) {
	c := e.Run(t)
	log := c.Facts.LogPath
	grows(t, log)
	old := log + ".20260101-000000.000000000"
	if err := os.Rename(log, old); err != nil {
		t.Fatal(err)
	}
	grows(t, old)
	if _, err := os.Stat(log); err == nil {
		t.Error("the runtime has made a new log without being asked")
	}
	if err := e.Runtime.ReopenLog(t.Context(), c.Facts.ID); err != nil {
		t.Fatalf("reopen: %v", err)
	}
	grows(t, log)
	c.Stop(t)
	e.complete(t, log)
}

// refusals: what a runtime certainly has not done is told as such, and it makes
// no file.
func (e Env) refusals(t *testing.T) {
	c := e.Run(t)
	log := c.Facts.LogPath
	grows(t, log)
	c.Stop(t)
	if err := os.Rename(log, log+".20260101-000000.000000000"); err != nil {
		t.Fatal(err)
	}
	if err := e.Runtime.ReopenLog(t.Context(), c.Facts.ID); !errors.Is(err, logmgr.ErrRefused) {
		t.Errorf("reopen of a stopped container: %v, want ErrRefused", err)
	}
	c.Remove(t)
	if err := e.Runtime.ReopenLog(t.Context(), c.Facts.ID); !errors.Is(err, logmgr.ErrRefused) {
		t.Errorf("reopen of a removed container: %v, want ErrRefused", err)
	}
	if _, err := os.Stat(log); err == nil {
		t.Error("a refused reopen has made a new log")
	}
}

// complete: every line up to the writer's last one is there.
func (e Env) complete(t *testing.T, log string) {
	t.Helper()
	streams, err := Read(e.PodLogsDir, log)
	if err != nil {
		t.Fatal(err)
	}
	if len(streams) == 0 {
		t.Error("no line is there")
	}
	for name, s := range streams {
		if s.First != 1 || !s.Done {
			t.Errorf("%s: lines %d to %d, last line found: %t", name, s.First, s.Last, s.Done)
		}
	}
}
