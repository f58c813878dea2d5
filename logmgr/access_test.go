package logmgr_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr"
	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
	"github.com/cri-logshim/cri-logshim/logmgr/runtimetest"
)

// open makes the files' group and mode known to the manager.
func (r *rig) open(group int, mode fs.FileMode) {
	r.options.Files = logmgr.Files{Group: &group, Mode: mode}
}

// wantAccess makes sure who may read the files beside a log.
func (r *rig) wantAccess(c *runtimetest.Container, group uint32, mode fs.FileMode) {
	r.Helper()
	for _, name := range names(r.T, c.Path()) {
		info, err := os.Stat(filepath.Join(filepath.Dir(c.Path()), name))
		r.must(err)
		st, is := info.Sys().(*syscall.Stat_t)
		if !is || st.Gid != group || st.Uid != 0 || info.Mode() != mode {
			r.Errorf("%s has owner %d:%d and mode %v, want group %d and %v", name, st.Uid, st.Gid, info.Mode(), group, mode)
		}
	}
}

// TestReadersThatAreNotRoot: whoever makes a file that becomes the log, it gets the
// group and the mode, and keeps them when it is rotated and compressed.
func TestReadersThatAreNotRoot(t *testing.T) {
	for _, limit := range []int64{100 * kib, -1} {
		bubble(t, func(t *testing.T, r *rig) {
			r.policy = policyOf(limit, 10, logfile.Gzip, time.Second)
			r.open(1234, 0o644)
			r.start()
			c := r.run("app")
			r.wantAccess(c, 1234, 0o644)
			if limit > 0 {
				r.rotate(c, 4)
				r.pass(time.Minute)
				if all := strings.Join(names(t, c.Path()), " "); !strings.Contains(all, ".gz") {
					t.Errorf("nothing is compressed: %s", all)
				}
			}
			r.wantAccess(c, 1234, 0o644)
			// kubelet's rotation
			r.must(os.Rename(c.Path(), c.Path()+".20300101-000000"))
			_, done := r.BeginReopen(t.Context(), c.ID())
			r.must(r.fake.ReopenLog(t.Context(), c.ID()))
			done(nil)
			r.must(c.Print("stdout", 1, 100))
			r.pass(2 * time.Second)
			r.wantAccess(c, 1234, 0o644)
			r.verify(c)
		})
	}
}

// TestReadersAfterAReload: the log as it is gets what new settings say, also one that
// sleeps, one of before a restart, and one whose container has exited by then.
func TestReadersAfterAReload(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		c := r.run("app")
		r.must(c.Print("stdout", 3, 1000))
		r.pass(time.Minute)
		r.wantAccess(c, 0, 0o640)
		r.open(1234, 0)
		r.setPolicy(r.policy)
		r.pass(time.Second)
		r.wantAccess(c, 1234, 0o640)
		r.options.Files = logmgr.Files{Mode: 0o600} // what the group was before is not known
		r.setPolicy(r.policy)
		r.pass(time.Second)
		r.wantAccess(c, 1234, 0o600)
		r.stop()
		r.open(4321, 0o444)
		r.start()
		r.pass(time.Second)
		r.wantAccess(c, 4321, 0o444)
		r.stop()
		r.must(c.Exit())
		r.open(0, 0o640)
		r.start()
		r.pass(time.Second)
		r.wantAccess(c, 0, 0o640)
	})
}
