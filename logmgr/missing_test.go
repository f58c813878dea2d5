package logmgr_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr/runtimetest"
)

// TestMissingLogAndRefusal: what takes the place of a missing log, while the
// runtime refuses to reopen it, is only a file that the container still writes.
// Any other would end the attempts, and the container would write to nowhere.
func TestMissingLogAndRefusal(t *testing.T) {
	refusals := slices.Repeat([]runtimetest.Fault{runtimetest.Refuse()}, 5)
	t.Run("removed", func(t *testing.T) {
		bubble(t, func(t *testing.T, r *rig) {
			r.start()
			c := r.run("app")
			r.rotate(c, 2)
			r.pass(5 * time.Second)
			old, content := rotated(t, c.Path()), r.content(c)
			before := len(c.Asked())
			c.Script(refusals...)
			r.must(r.bell.Change(c.Path(), func() error { return os.Remove(c.Path()) }))
			for len(c.Asked()) < before+len(refusals) {
				r.pass(500 * time.Millisecond)
				if exists(c.Path()) {
					t.Fatalf("a file that nobody writes is in the log's place, beside it %q", names(t, c.Path()))
				}
			}
			r.pass(2 * time.Minute)
			if got := len(c.Asked()) - before; got != len(refusals)+1 {
				t.Errorf("%d reopens, want one after %d refusals", got, len(refusals))
			}
			r.inPlace(c)
			if got := rotated(t, c.Path()); !slices.Equal(got, old) || !slices.Equal(r.content(c), content) {
				t.Errorf("rotated files %q, want %q as they were", got, old)
			}
		})
	})
	t.Run("moved", func(t *testing.T) {
		bubble(t, func(t *testing.T, r *rig) {
			r.start()
			c := r.run("app")
			r.rotate(c, 2)
			r.pass(5 * time.Second)
			before := len(c.Asked())
			c.Script(refusals...)
			later := c.Path() + ".20900101-000000.000000000"
			r.must(r.bell.Change(c.Path(), func() error { return os.Rename(c.Path(), later) }))
			r.print(c, 10e3, 5*time.Second)
			if exists(later) {
				t.Error("the file that is written is not in the log's place")
			}
			r.pass(2 * time.Minute)
			if got := len(c.Asked()) - before; got != 1 {
				t.Errorf("%d reopens of a log that is in its place", got)
			}
			r.inPlace(c)
			r.verify(c)
		})
	})
}

// content is that of the rotated files, oldest first.
func (r *rig) content(c *runtimetest.Container) []string {
	r.Helper()
	var all []string
	for _, name := range rotated(r.T, c.Path()) {
		text, err := os.ReadFile(filepath.Join(filepath.Dir(c.Path()), name))
		r.must(err)
		all = append(all, string(text))
	}
	return all
}
