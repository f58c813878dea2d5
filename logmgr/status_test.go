package logmgr_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr/runtimetest"
)

// TestStatusHangs: one container that the runtime cannot tell about does not keep
// the others from being managed.
func TestStatusHangs(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		stuck := r.behind(r.facts("stuck"))
		r.fake.OnStatus(func(ctx context.Context, id string) error {
			if id != stuck.ID() {
				return nil
			}
			<-ctx.Done()
			return ctx.Err()
		})
		var others []*runtimetest.Container
		for i := range 10 {
			others = append(others, r.behind(r.facts(fmt.Sprint("app", i))))
		}
		r.start()
		r.pass(time.Second)
		for _, c := range others {
			if !r.managed(c) {
				t.Errorf("%s is not managed", c.ID())
			}
		}
		if r.managed(stuck) {
			t.Error("managed without any facts")
		}
	})
}

// TestStatusFails: one container of which the runtime cannot tell is reported once
// for each reason, and managed as soon as it can. Meanwhile the others are, and
// links of those that are gone are removed.
func TestStatusFails(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.options.LegacyDir = r.legacy
		dangling := filepath.Join(r.legacy, "pod_ns_app-gone.log")
		lead := func() {
			r.must(os.MkdirAll(r.legacy, 0o755))
			r.must(os.Symlink(filepath.Join(r.dir, "gone", "app", "0.log"), dangling))
		}
		lead()
		broken, other := r.behind(r.facts("broken")), r.behind(r.facts("other"))
		fail := func(reason string) {
			r.fake.OnStatus(func(_ context.Context, id string) error {
				if id == broken.ID() {
					return errors.New(reason)
				}
				return nil
			})
		}
		fail("no metadata")
		r.start()
		r.pass(time.Second)
		if exists(dangling) || !r.managed(other) {
			t.Errorf("the link is left: %t, or the other one is not managed", exists(dangling))
		}
		lead()
		r.pass(3 * time.Minute)
		late := r.behind(r.facts("late"))
		r.pass(6 * time.Second)
		if exists(dangling) || !r.managed(late) {
			t.Errorf("later, the link is left: %t, or the late one is not managed", exists(dangling))
		}
		if r.managed(broken) {
			t.Error("managed without any facts")
		}
		if got := r.said("cannot learn about a container"); got != 1 {
			t.Errorf("said %d times what cannot be learned", got)
		}
		if got := r.metric("failures_total", "status"); got < 30 {
			t.Errorf("%v failures are counted in three minutes", got)
		}
		fail("other metadata")
		r.pass(time.Minute)
		if got := r.said("cannot learn about a container"); got != 2 {
			t.Errorf("said %d times what cannot be learned, for two reasons", got)
		}
		r.fake.OnStatus(nil)
		r.pass(6 * time.Second)
		if !r.managed(broken) {
			t.Error("not managed, though the status works again")
		}
		for _, c := range []*runtimetest.Container{broken, other, late} {
			r.verify(c)
			r.inPlace(c)
		}
	})
}

// TestStaleStatus: the status of a container arrives after it was removed.
func TestStaleStatus(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		c := r.behind(r.facts("app"))
		r.must(c.Print("stdout", 10, 100))
		asked, release := make(chan struct{}), make(chan struct{})
		r.fake.OnStatus(func(context.Context, string) error {
			close(asked)
			<-release
			return nil
		})
		r.start()
		<-asked
		r.pass(time.Second)
		r.must(os.Rename(c.Path(), c.Path()+aside))
		r.remove(c)
		r.pass(time.Second)
		close(release)
		r.pass(time.Minute)
		if got := names(t, c.Path()); len(got) != 1 || got[0] != filepath.Base(c.Path())+aside {
			t.Errorf("files of a removed container: %q", got)
		}
		if got := r.metric("logs_managed"); got != 0 {
			t.Errorf("%v logs are managed", got)
		}
	})
}
