package integration

import (
	"context"
	"fmt"
	"math/rand/v2"
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
		for _, step := range steps {
			h.strikeAt(t, step)
			h.kill(t, 1+kills/len(steps))
		}
		eventually(t, func(context.Context) error {
			if n := len(rotatedNames(t, h.whole.LogPath())); n < rotations {
				return fmt.Errorf("the log has %d rotated files, not %d", n, rotations)
			}
			return nil
		})
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

// killHarness is a shim that is killed, and two logs: one that keeps all of its files,
// and one that keeps few.
type killHarness struct {
	shim           *testbed.Shim
	whole, pruned  *testbed.Container
	struck, killed int // at a step, and at random
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
	h := &killHarness{
		whole:  runWriter(t, direct, containerd.PodConfig("whole", "killed"), "-stream=both", "-rate=12000000"),
		pruned: runWriter(t, direct, containerd.PodConfig("pruned", "killed"), "-stream=both", "-rate=4000000"),
	}
	few := 4
	h.shim, _ = newShim(t, containerd, func(c *config.Configuration) {
		keepAll(c)
		c.Rotation.CompressAfter = 100 * time.Millisecond
		c.Files = config.Files{Group: "4", Mode: 0o644}
		c.Policies = []config.Policy{{
			Match:    config.Match{Namespace: "pruned"},
			Rotation: config.RotationOverride{MaxFiles: &few},
		}}
	})
	return h
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

// finish ends the writers and checks what they wrote.
func (h *killHarness) finish(t *testing.T) {
	t.Helper()
	for _, writer := range []*testbed.Container{h.whole, h.pruned} {
		if err := writer.Stop(t.Context(), time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	found := complete(t, h.shim, h.whole.LogPath(), "stdout", "stderr")
	few, err := testbed.Verify(h.pruned.LogPath())
	if err != nil {
		t.Fatal(err)
	}
	if err := few.CompleteSince("stdout", "stderr"); err != nil {
		t.Errorf("%s: %v", h.pruned.LogPath(), err)
	}
	if few.Files > 8 || few.Streams["stdout"].Head() == 0 {
		t.Errorf("the log that keeps few files has %d and has lost %d lines", few.Files, few.Streams["stdout"].Head())
	}
	t.Logf("%d kills at a step and %d at random, %d files of %d MB", h.struck, h.killed, found.Files, found.Bytes/1_000_000)
}
