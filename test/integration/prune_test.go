package integration

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	adminapi "github.com/cri-logshim/cri-logshim/admin/api"
	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// All that is kept of a removed pod goes by an operator's order, and nothing else: what a container
// writes meanwhile is there with every line, and what the dry run told is what has gone.
func TestPrunedOnRequest(t *testing.T) {
	onNewest(t, func(t *testing.T, containerd *testbed.Containerd) {
		shim, client := newShim(t, containerd, func(c *config.Configuration) {
			keepAll(c)
			c.Rotation.Compression = "none" // or names would change between two orders
			c.Rotation.KeepAfterRemoval = time.Hour
		})
		stays := runWriter(t, client, containerd.PodConfig("shop", "stays"), "-stream=both", "-rate=1000000")
		gone := runWriter(t, client, containerd.PodConfig("shop", "gone"), "-stream=both", "-rate=4000000", "-duration=3s")
		exited(t, gone)
		if err := errors.Join(gone.Remove(t.Context()), gone.Pod.Remove(t.Context()), os.RemoveAll(gone.Pod.Config.LogDirectory)); err != nil {
			t.Fatal(err)
		}
		kept := filepath.Join(shim.Config.KeepDir, filepath.Base(gone.Pod.Config.LogDirectory), "app")
		before := logsIn(t, kept)
		if len(before) < 2 {
			t.Fatalf("of the removed pod only %q is kept", before)
		}
		var told, removed, nothing adminapi.PruneResult
		eventually(t, func(context.Context) error { // its container is no longer known to the daemon
			operate(t, shim, &told, "prune", "--dry-run", "--kept", "-o", "json")
			if len(told.Files) < len(before) {
				return fmt.Errorf("%q is kept, and would go: %+v", before, told.Files)
			}
			return nil
		})
		if after := logsIn(t, kept); !slices.Equal(after, before) {
			t.Fatalf("the dry run has left %q of %q", after, before)
		}
		operate(t, shim, &removed, "prune", "--kept", "-o", "json")
		if removed.DryRun || removed.Bytes != told.Bytes || !slices.Equal(removed.Files, told.Files) {
			t.Errorf("removed %+v, and %+v was told", removed, told)
		}
		for _, f := range removed.Files {
			if f.Namespace != "shop" || f.Pod != "gone" || f.Container != "app" || f.Reason != "kept" || !slices.Contains(before, f.Name) {
				t.Errorf("%+v has gone", f)
			}
		}
		if after := logsIn(t, kept); len(after) > 0 {
			t.Errorf("%q are still there", after)
		}
		operate(t, shim, &nothing, "prune", "--kept", "-o", "json")
		if len(nothing.Files) > 0 {
			t.Errorf("a second order has removed %+v", nothing.Files)
		}
		asDescribed(t, shim)
		if err := stays.Stop(t.Context(), 10*time.Second); err != nil {
			t.Fatal(err)
		}
		exited(t, stays)
		complete(t, shim, stays.LogPath(), "stdout", "stderr")
	})
}

// logsIn are the names of the files of a first attempt in a directory, none where it is gone.
func logsIn(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "0.log") {
			names = append(names, e.Name())
		}
	}
	return names
}
