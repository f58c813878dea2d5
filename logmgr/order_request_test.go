package logmgr_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr"
	"github.com/cri-logshim/cri-logshim/logmgr/runtimetest"
)

// A log is rotated when somebody asks for it, asleep or awake, without a line lost; and what is
// empty, has ended, is unknown or refused by the runtime is told instead of waited for.
func TestRotateOnRequest(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		c := r.run("app")
		r.pass(5 * time.Second)
		refused := func(id, why string) {
			t.Helper()
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			if _, err := r.Rotate(ctx, id); err == nil || !strings.Contains(err.Error(), why) {
				t.Errorf("rotation of %s: %v, want %q", id, err, why)
			}
		}
		refused(c.ID(), "empty")
		refused("nobody", logmgr.ErrNotFound.Error())
		for n := range 3 {
			r.must(c.Print("stdout", 10, 100))
			if n > 0 {
				r.pass(5 * time.Second) // it sleeps
			}
			size := r.sizeOf(c)
			made, err := r.Rotate(t.Context(), c.ID())
			if files := rotated(t, c.Path()); err != nil || len(files) != n+1 || made.File != files[n] || made.Bytes != size {
				t.Errorf("rotated %+v of %d bytes: %v; there are %v", made, size, err, files)
			}
			r.pass(time.Second)
		}
		r.must(c.Print("stdout", 10, 100))
		c.Script(runtimetest.Refuse())
		if _, err := r.Rotate(t.Context(), c.ID()); !errors.Is(err, logmgr.ErrNotRotated) || !strings.Contains(err.Error(), "refuse") {
			t.Errorf("refused by the runtime: %v", err)
		}
		r.verify(c)
		r.exit(c)
		r.pass(time.Second)
		refused(c.ID(), "does not run")
	})
}

// sizeOf is the size of the current file.
func (r *rig) sizeOf(c *runtimetest.Container) int64 {
	r.Helper()
	r.pass(2 * time.Second)
	v := r.look()
	if v.CurrentBytes == nil {
		r.Fatal("the current file was not looked at")
	}
	return *v.CurrentBytes
}

// Who asks for a log that is missing, or whose rotation is turned off meanwhile, hears so at once;
// what was asked for does not linger, and is not done to the log that comes.
func TestRotateWhatCannotBeRotated(t *testing.T) {
	for why, spoil := range map[string]func(r *rig, c *runtimetest.Container){
		"missing": func(r *rig, c *runtimetest.Container) {
			c.Script(runtimetest.Refuse(), runtimetest.Refuse())
			r.must(r.bell.Change(c.Path(), func() error { return os.Remove(c.Path()) }))
		},
		"rotation is off": func(r *rig, c *runtimetest.Container) {
			_, done := r.BeginReopen(r.Context(), c.ID())
			time.AfterFunc(2*time.Second, func() { r.setPolicy(logmgr.Policy{MaxFiles: 3}) })
			time.AfterFunc(3*time.Second, func() { done(nil) })
		},
	} {
		t.Run(why, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.start()
				c := r.run("app")
				r.must(c.Print("stdout", 10, 100))
				r.pass(5 * time.Second)
				spoil(r, c)
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				if made, err := r.Rotate(ctx, c.ID()); !errors.Is(err, logmgr.ErrNotRotated) || !strings.Contains(err.Error(), why) {
					t.Errorf("got %+v, %v; want it to be told that %s", made, err, why)
				}
				r.pass(time.Minute)
				r.must(c.Print("stdout", 10, 100))
				r.pass(time.Minute)
				if files := rotated(t, c.Path()); len(files) > 0 {
					t.Errorf("rotated later: %v", files)
				}
			})
		})
	}
}

// What nobody waits for any longer is not done when it could be.
func TestRotateThatNobodyWaitsFor(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		c := r.run("app")
		r.must(c.Print("stdout", 10, 100))
		r.pass(5 * time.Second)
		_, done := r.BeginReopen(t.Context(), c.ID())
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if _, err := r.Rotate(ctx, c.ID()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("while somebody else rotates: %v", err)
		}
		done(nil)
		r.pass(time.Minute)
		if files := rotated(t, c.Path()); len(files) > 0 {
			t.Errorf("rotated later: %v", files)
		}
		if _, err := r.Rotate(t.Context(), c.ID()); err != nil {
			t.Errorf("asked again: %v", err)
		}
	})
}

// One who waits no longer takes nothing from another who asked for the same log; both would have had
// one rotation.
func TestRotateThatOneOfTwoWaitsFor(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		c := r.run("app")
		r.must(c.Print("stdout", 10, 100))
		r.pass(5 * time.Second)
		_, done := r.BeginReopen(t.Context(), c.ID())
		patient := make(chan error)
		go func() {
			_, err := r.Rotate(t.Context(), c.ID())
			patient <- err
		}()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if _, err := r.Rotate(ctx, c.ID()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("while somebody else rotates: %v", err)
		}
		done(nil)
		select {
		case err := <-patient:
			r.must(err)
		case <-time.After(time.Minute):
			t.Error("the other one still waits")
		}
		if files := rotated(t, c.Path()); len(files) != 1 {
			t.Errorf("rotated to %v, want one file", files)
		}
	})
}

// The reason of what has come to nothing is its own, not what went wrong with the log before.
func TestReasonIsOfThisAttempt(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		c := r.run("app")
		r.must(c.Print("stdout", 10, 100))
		r.pass(5 * time.Second)
		c.Script(runtimetest.Refuse())
		if _, err := r.Rotate(t.Context(), c.ID()); err == nil || !strings.Contains(err.Error(), "refuse") {
			t.Errorf("refused by the runtime: %v", err)
		}
		r.pass(10 * time.Second)
		_, done := r.BeginReopen(t.Context(), c.ID())
		time.AfterFunc(time.Second, func() {
			r.must(os.Rename(c.Path(), c.Path()+aside))
			r.must(r.fake.ReopenLog(r.Context(), c.ID()))
			done(nil)
		})
		if _, err := r.Rotate(t.Context(), c.ID()); err == nil || strings.Contains(err.Error(), "refuse") {
			t.Errorf("after somebody else has rotated the log: %v", err)
		}
	})
}
