package integration

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// The shim is killed at any moment and before and after each named step, again and again,
// while it rotates many times a second; every line is found once and in order.
//
// It is short as part of all tests; with -soak there are as many kills and rotations as
// one would not wait for.
func TestKilledAtAnyMoment(t *testing.T) {
	onBoth(t, func(t *testing.T, containerd *testbed.Containerd) {
		kills, rotations := 10, 100
		if *soak > 0 {
			kills, rotations = 100, 1000
		}
		h := newKillHarness(t, containerd)
		steps := killSteps()
		// The steps are the shim's own: what differs between runtimes is the swap.
		if *soak == 0 && containerd.Version != testbed.Newest {
			steps = swapSteps(steps)
		}
		rand.Shuffle(len(steps), func(i, j int) { steps[i], steps[j] = steps[j], steps[i] })
		for n, step := range steps {
			h.strikeAt(t, step)
			h.kill(t, kills*(n+1)/len(steps)-kills*n/len(steps))
		}
		for reached := 0; reached < rotations; {
			reached = min(len(rotatedNames(t, h.whole.LogPath()))+100, rotations)
			eventually(t, func(context.Context) error {
				if n := len(rotatedNames(t, h.whole.LogPath())); n < reached {
					return fmt.Errorf("the log has %d rotated files, not %d", n, reached)
				}
				return nil
			})
		}
		if h.killed < kills {
			t.Errorf("only %d kills at random", h.killed)
		}
		h.finish(t)
	})
}

// swapSteps are the steps that the runtime has a part in.
func swapSteps(steps []killStep) []killStep {
	var swap []killStep
	for _, s := range steps {
		switch s.name {
		case "the full log is moved aside", "the reopen is asked for", "the reopen is answered":
			swap = append(swap, s)
		}
	}
	return swap
}

// killHarness is a shim that is killed, and logs that are kept for the time after their pod.
type killHarness struct {
	shim           *testbed.Shim
	whole          *testbed.Container // keeps all of its files
	packed         *testbed.Container // as well, compressed by zstd
	pruned         *testbed.Container // keeps few
	cut            *testbed.Container // keeps all, and its container ends while the log is moved aside
	struck, killed int                // at a step, and at random
}

func newKillHarness(t *testing.T, containerd *testbed.Containerd) *killHarness {
	t.Helper()
	direct, err := containerd.Dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := direct.Close(); err != nil {
			t.Error(err)
		}
	})
	writer := func(name, rate string) *testbed.Container {
		return runWriter(t, direct, containerd.PodConfig(name, "killed"), "-stream=both", "-rate="+rate)
	}
	// Little is written and in small files, so that compression comes round to each of them
	// soon on a busy machine too, in what the kills leave of its time.
	h := &killHarness{
		whole: writer("whole", "500000"), packed: writer("packed", "125000"),
		pruned: writer("pruned", "125000"), cut: writer("cut", "125000"),
	}
	few, zstd := 4, config.CompressionZstd
	h.shim, _ = newShim(t, containerd, func(c *config.Configuration) {
		keepAll(c)
		c.Rotation.MaxSize = 64 << 10
		c.Rotation.CompressAfter = 100 * time.Millisecond
		c.Rotation.KeepAfterRemoval = time.Hour
		c.Files = config.Files{Group: "4", Mode: 0o644}
		c.Policies = []config.Policy{{
			Match:    config.Match{Namespace: "pruned"},
			Rotation: config.RotationOverride{MaxFiles: &few},
		}, {
			Match:    config.Match{Namespace: "packed"},
			Rotation: config.RotationOverride{Compression: &zstd},
		}}
	})
	for _, log := range h.logs() { // known to the shim before it is killed
		eventually(t, func(context.Context) error { return exists(h.keptPath(log)) })
	}
	return h
}

// logs are those that the harness has.
func (h *killHarness) logs() []*testbed.Container {
	all := []*testbed.Container{h.whole, h.packed, h.pruned, h.cut}
	return slices.DeleteFunc(all, func(c *testbed.Container) bool { return c == nil })
}

// keptPath is the name of a log in keepDir.
func (h *killHarness) keptPath(c *testbed.Container) string {
	return filepath.Join(h.shim.Config.KeepDir, filepath.Base(c.Pod.Config.LogDirectory), c.Config.LogPath)
}

// cutLog leaves a log as a kill in the middle of a rotation does, without a current file,
// and nobody who could be asked to make one: its container has ended.
func (h *killHarness) cutLog(t *testing.T) {
	t.Helper()
	if err := h.shim.Kill(); err != nil {
		t.Fatal(err)
	}
	h.stopWriter(t, h.cut)
	live, kept := filepath.Dir(h.cut.LogPath()), filepath.Dir(h.keptPath(h.cut))
	if exists(h.cut.LogPath()) == nil { // a kill may have left it so already
		rotated := "0.log." + time.Now().UTC().Format("20060102-150405.000000000")
		rename(t, h.cut.LogPath(), filepath.Join(live, rotated))
	}
	newest := slices.Max(rotatedNames(t, h.cut.LogPath()))
	firsts, err := inodes(live)
	if err != nil {
		t.Fatal(err)
	}
	seconds, err := inodes(kept)
	if err != nil {
		t.Fatal(err)
	}
	// Its second name may be the one of before, or not be there yet.
	for name, inode := range seconds {
		if inode == firsts[newest] && name != newest {
			rename(t, filepath.Join(kept, name), filepath.Join(kept, newest))
		}
	}
	if err := os.Link(filepath.Join(live, newest), filepath.Join(kept, newest)); err != nil && !errors.Is(err, os.ErrExist) {
		t.Fatal(err)
	}
}

// loseKept removes what keepDir has of a log that is there still, once a file of it has
// been rotated: only such a one gets its second name without having had another before.
func (h *killHarness) loseKept(t *testing.T) {
	t.Helper()
	eventually(t, func(context.Context) error {
		if len(rotatedNames(t, h.whole.LogPath())) == 0 {
			return errors.New("no file has been rotated yet")
		}
		return nil
	})
	if err := h.shim.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Dir(filepath.Dir(h.keptPath(h.whole)))); err != nil {
		t.Fatal(err)
	}
}

func (h *killHarness) stopWriter(t *testing.T, writer *testbed.Container) {
	t.Helper()
	if err := writer.Stop(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
}

// kill starts the shim and kills it at any moment, mostly of a rotation's or
// compression's, again and again.
func (h *killHarness) kill(t *testing.T, times int) {
	t.Helper()
	for range times {
		if !h.shim.Running() {
			if err := h.shim.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		moment := time.NewTimer(time.Duration(rand.IntN(300_000)) * time.Microsecond)
		<-moment.C
		if err := h.shim.Kill(); err != nil {
			t.Fatal(err)
		}
		h.killed++
	}
	if err := h.shim.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// finish ends the writers and checks what they wrote, where it was written and where it is
// kept.
func (h *killHarness) finish(t *testing.T) {
	t.Helper()
	for _, writer := range h.logs() {
		h.stopWriter(t, writer)
	}
	for _, log := range h.logs() {
		eventually(t, func(context.Context) error { return h.settled(log) })
	}
	for _, log := range []*testbed.Container{h.whole, h.packed, h.cut} {
		found := complete(t, h.shim, log.LogPath(), "stdout", "stderr")
		t.Logf("%s: %d files of %d MB", log.Pod.Config.Metadata.Namespace, found.Files, found.Bytes/1_000_000)
		h.checkKept(t, log)
	}
	few, err := testbed.Verify(h.pruned.LogPath(), h.keptPath(h.pruned))
	if err != nil {
		t.Fatal(err)
	}
	if err := few.CompleteSince("stdout", "stderr"); err != nil {
		t.Errorf("%s: %v", h.pruned.LogPath(), err)
	}
	if few.Files > 8 || few.Streams["stdout"].Head() == 0 {
		t.Errorf("the log that keeps few files has %d and has lost %d lines", few.Files, few.Streams["stdout"].Head())
	}
	t.Logf("%d kills at a step and %d at random", h.struck, h.killed)
}

// checkKept checks that a log whose shim has ended is in keepDir too, whole and once.
func (h *killHarness) checkKept(t *testing.T, log *testbed.Container) {
	t.Helper()
	if err := h.settled(log); err != nil {
		t.Error(err)
	}
	for _, paths := range [][]string{{log.LogPath(), h.keptPath(log)}, {h.keptPath(log)}} {
		found, err := testbed.Verify(paths[0], paths[1:]...)
		if err == nil {
			err = found.Complete("stdout", "stderr")
		}
		if err != nil {
			t.Errorf("%q: %v", paths, err)
		}
	}
}

// settled is nil if nothing is left to be done about a log that is written no more: it has
// a current file, nothing is unfinished, and its files have the same names in keepDir.
func (h *killHarness) settled(log *testbed.Container) error {
	live, err := inodes(filepath.Dir(log.LogPath()))
	if err != nil {
		return err
	}
	kept, err := inodes(filepath.Dir(h.keptPath(log)))
	if err != nil {
		return err
	}
	delete(kept, ".term")
	if !maps.Equal(live, kept) {
		return fmt.Errorf("%s has the files %v, and keepDir has %v", log.LogPath(), live, kept)
	}
	if _, is := live[filepath.Base(log.LogPath())]; !is {
		return fmt.Errorf("%s is missing", log.LogPath())
	}
	names := slices.Sorted(maps.Keys(live))
	for _, name := range names[:len(names)-1] { // the newest one stays as it is
		if is, err := path.Match("0.log.*[0-9]", name); is || err != nil {
			return errors.Join(err, fmt.Errorf("%q is not compressed yet", name))
		}
	}
	return nil
}

// inodes are those of the files in a directory, by name.
func inodes(dir string) (map[string]uint64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	found := make(map[string]uint64, len(entries))
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			return nil, err
		}
		found[entry.Name()] = info.Sys().(*syscall.Stat_t).Ino //nolint:forcetypeassert // it is, on Linux
	}
	return found, nil
}
