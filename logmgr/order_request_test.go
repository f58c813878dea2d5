package logmgr_test

import (
	"context"
	"errors"
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
