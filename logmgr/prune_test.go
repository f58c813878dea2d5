package logmgr_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr"
	"github.com/cri-logshim/cri-logshim/logmgr/runtimetest"
)

// A dry run tells exactly what the order then removes, and removes nothing; what may not go
// stays, and without Kept so does what outlives its pod.
func TestPruneDoesWhatTheDryRunTells(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.policy = logmgr.Policy{MaxSize: 100 * kib, MaxFiles: 10, KeepAfterRemoval: time.Hour}
		r.options.KeepDir = r.dir + "-kept"
		r.start()
		c, gone := r.run("app"), r.run("gone")
		r.print(c, 200*kib, 2*time.Second)
		r.print(gone, 200*kib, 2*time.Second)
		r.pass(5 * time.Second)
		r.exit(gone)
		r.remove(gone)
		r.removePod(gone)
		r.pass(3 * time.Minute) // of sweeps
		kept := func() int64 {
			t.Helper()
			v, err := r.View(t.Context())
			r.must(err)
			return *v.Disk.Kept
		}
		left, before := names(t, c.Path()), kept()
		prune := func(o logmgr.PruneOrder) []logmgr.PrunedFile {
			t.Helper()
			files, err := r.Prune(t.Context(), o)
			r.must(err)
			return files
		}
		if files := prune(logmgr.PruneOrder{}); len(files) > 0 {
			t.Errorf("without a reason %+v went", files)
		}
		told := prune(logmgr.PruneOrder{DryRun: true, Kept: true})
		if len(told) == 0 || told[0].Namespace != "ns" || told[0].Pod != "pod" || told[0].Container != "gone" || told[0].Reason != "kept" || told[len(told)-1].Bytes == 0 {
			t.Errorf("%+v would go", told)
		}
		if again := prune(logmgr.PruneOrder{DryRun: true, Kept: true}); !slices.Equal(told, again) {
			t.Errorf("after a dry run %+v would go, before %+v", again, told)
		}
		if lines, _ := r.removals(); lines > 0 {
			t.Errorf("the journal has %d lines about what is still there", lines)
		}
		if files := prune(logmgr.PruneOrder{Kept: true}); !slices.Equal(files, told) {
			t.Errorf("%+v went, and was to be %+v", files, told)
		}
		if lines, files := r.removals(); lines != 1 || files != int64(len(told)) {
			t.Errorf("the journal has %d lines about %d files, and %d files went", lines, files, len(told))
		}
		r.pass(100 * time.Millisecond)
		if after := kept(); before == 0 || after != 0 {
			t.Errorf("before it %d bytes were told of removed pods, and now %d are", before, after)
		}
		if files := prune(logmgr.PruneOrder{DryRun: true, Kept: true}); len(files) > 0 {
			t.Errorf("%+v are still there", files)
		}
		if after := names(t, c.Path()); !slices.Equal(after, left) {
			t.Errorf("of a log in use %v are left of %v", after, left)
		}
		r.verify(c)
	})
}

// Of a file that a crash has left in two forms, one of which is held, only the other goes, and
// only that is told.
func TestPruneTellsWhatHasGone(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.policy = logmgr.Policy{MaxSize: 100 * kib, MaxFiles: 100}
		r.start()
		c := r.run("app")
		r.rotate(c, 2)
		r.pass(5 * time.Second)
		oldest := rotated(t, c.Path())[0]
		path := filepath.Join(filepath.Dir(c.Path()), oldest)
		held, err := os.OpenFile(path+".gz", os.O_CREATE|os.O_WRONLY, 0o600)
		r.must(err)
		settings := r.options.Settings
		settings.Node.MaxBytes = 1
		r.Configure(settings)
		files, err := r.Prune(t.Context(), logmgr.PruneOrder{})
		r.must(err)
		if exists(path) || !exists(path+".gz") {
			t.Errorf("what is left: %q", names(t, c.Path()))
		}
		if len(files) != 1 || files[0].Name != oldest {
			t.Errorf("told %+v, and only %s has gone", files, oldest)
		}
		r.must(held.Close())
	})
}

// What only keepDir has of a container that runs counts with its other files, as when its log is
// tidied: the dry run tells it, the order removes it, and nothing is left to tidy after that.
func TestPruneCountsWhatIsKept(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.policy = logmgr.Policy{MaxSize: 100 * kib, MaxFiles: 4, KeepAfterRemoval: time.Hour}
		r.options.KeepDir = r.dir + "-kept"
		r.start()
		c := r.run("app")
		r.rotate(c, 2)
		r.pass(5 * time.Second)
		kept := filepath.Join(r.options.KeepDir, filepath.Dir(strings.TrimPrefix(c.Path(), r.dir)))
		var want []string
		for i := range 3 {
			name := fmt.Sprintf("0.log.20200101-00000%d.000000000", i)
			r.must(os.WriteFile(filepath.Join(kept, name), []byte("kept\n"), 0o600))
			want = append(want, name)
		}
		want = want[:2] // with the current file there are six
		for _, dryRun := range []bool{true, false} {
			files, err := r.Prune(t.Context(), logmgr.PruneOrder{DryRun: dryRun})
			r.must(err)
			var got []string
			for _, f := range files {
				got = append(got, f.Name)
			}
			if !slices.Equal(got, want) || len(files) > 0 && (files[0].Reason != "maxFiles" || files[0].Container != "app") {
				t.Errorf("dry run %t: %+v went, want %v", dryRun, files, want)
			}
		}
		removed := r.metric("files_removed_total")
		r.setPolicy(r.policy) // it is tidied
		r.pass(5 * time.Second)
		if got := r.metric("files_removed_total"); got != removed || removed != 2 {
			t.Errorf("%v files were removed, and %v after that", removed, got-removed)
		}
	})
}

// Who no longer waits is let go of.
func TestPruneThatNobodyWaitsFor(t *testing.T) {
	r := newRig(t)
	r.start()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Prune(ctx, logmgr.PruneOrder{DryRun: true}); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	r.end()
}

// removePod removes the pod's directory, as kubelet does.
func (r *rig) removePod(c *runtimetest.Container) {
	r.Helper()
	r.must(os.RemoveAll(filepath.Dir(filepath.Dir(c.Path()))))
}

// An order removes nothing that somebody may be reading: it waits for a slow look at the node's
// processes, as a busy node has them, and is refused where there is no answer. A full disk waits less.
func TestPruneLeavesWhatMayBeRead(t *testing.T) {
	for name, test := range map[string]struct {
		took    time.Duration
		err     error
		refused bool
	}{
		"slow":      {took: 3 * time.Second},
		"too slow":  {took: time.Minute, refused: true},
		"no answer": {err: errors.New("no processes to be seen"), refused: true},
	} {
		t.Run(name, func(t *testing.T) {
			withReaders(t, func(t *testing.T, r *rig, crowd *crowd) {
				r.policy = logmgr.Policy{MaxSize: 100 * kib, MaxFiles: 3, MaxFilesUnread: 10}
				r.start()
				c := r.run("app")
				reader := crowd.join(r, "collector")
				reader.open(c.Path())
				r.rotate(c, 5)
				r.pass(5 * time.Second)
				before := names(t, c.Path())
				crowd.mu.Lock()
				crowd.took, crowd.err = test.took, test.err
				crowd.mu.Unlock()
				files, err := r.Prune(t.Context(), logmgr.PruneOrder{})
				if refused := errors.Is(err, logmgr.ErrNothingRemoved); refused != test.refused || !refused && err != nil || len(files) > 0 {
					t.Errorf("it says %+v, %v", files, err)
				}
				if after := names(t, c.Path()); !slices.Equal(before, after) {
					t.Errorf("of %q there are %q", before, after)
				}
				r.pass(time.Minute) // whoever looks must come to an end
			})
		})
	}
}

// A Prune that goes wrong half way is not told as one that has removed all there was.
func TestPruneThatPanics(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		panics := r.clockThatPanics()
		r.policy = logmgr.Policy{MaxSize: 100 * kib, MaxFiles: 10}
		r.start()
		r.rotate(r.run("app"), 3)
		r.pass(5 * time.Second)
		panics.Store(true)
		files, err := r.Prune(t.Context(), logmgr.PruneOrder{})
		panics.Store(false)
		if err == nil || errors.Is(err, logmgr.ErrNothingRemoved) {
			t.Errorf("it says %+v, %v", files, err)
		}
		if files, err := r.Prune(t.Context(), logmgr.PruneOrder{}); err != nil {
			t.Errorf("the next one says %+v, %v", files, err)
		}
	})
}
