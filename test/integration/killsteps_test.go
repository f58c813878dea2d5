package integration

import (
	"context"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// killStep is one thing that the shim does to a log's files or tells the runtime: a kill
// on either side of it leaves another state behind.
type killStep struct {
	name  string
	calls []string // as testbed.Strike has them
	// pruned: of the log that keeps few files; otherwise of the one that keeps all.
	pruned bool
	// from is the step after which the process before is killed, to leave what this one
	// then finds; nil: anything.
	from []string
	// twins are calls of the same step that need no kill of their own.
	twins []string
	once  bool // only a kill after it makes sense
}

// Patterns for the names of a log's files.
const (
	plain      = "0.log.*[0-9]"
	compressed = "0.log.*.gz"
	unfinished = "0.log.*.gz.tmp"
)

// killSteps is every step, in the order in which a log's life has them. TestStepsAreAll
// fails when the shim makes one that is missing here.
func killSteps() []killStep {
	toSocket, fromSocket := "write=socket:*", "read=socket:*"
	return []killStep{
		{name: "the group of the current file is set", calls: []string{"chown=0.log"}},
		{name: "the mode of the current file is set", calls: []string{"chmod=0.log"}},
		{name: "the full log is moved aside", calls: []string{"renameat=" + plain}},
		{name: "the reopen is asked for", calls: []string{"renameat=" + plain, toSocket}},
		{name: "the reopen is answered", calls: []string{"renameat=" + plain, toSocket, fromSocket}, once: true},
		{name: "a compressed file is made", calls: []string{"create=" + unfinished}},
		{name: "it gets its owner", calls: []string{"chown=" + unfinished}},
		{name: "it gets its mode", calls: []string{"chmod=" + unfinished}},
		{name: "it is written", calls: []string{"write=" + unfinished}},
		{name: "it gets its time", calls: []string{"utimensat=" + unfinished}},
		{name: "it is made durable", calls: []string{"fsync=" + unfinished}},
		{name: "it gets its name", calls: []string{"renameat=" + compressed}},
		{name: "its name is made durable", calls: []string{"renameat=" + compressed, "fsync=app"}, twins: []string{"fsync=app"}},
		{name: "its source is removed", calls: []string{"renameat=" + compressed, "unlinkat=" + plain}, twins: []string{"unlinkat=" + plain}},
		{name: "what a kill has left unfinished is removed", calls: []string{"unlinkat=" + unfinished}, from: []string{"write=" + unfinished}},
		{
			name: "what a kill has left uncompressed as well is removed", calls: []string{"unlinkat=" + plain},
			from: []string{"renameat=" + compressed},
		},
		{name: "the oldest file is removed", calls: []string{"unlinkat=" + compressed}, pruned: true},
	}
}

// explains tells whether the step is what made a call on a file.
func (s killStep) explains(call, file string) bool {
	return slices.ContainsFunc(append(s.twins, s.calls[len(s.calls)-1]), func(known string) bool {
		name, pattern, _ := strings.Cut(known, "=")
		ok, err := path.Match(pattern, filepath.Base(file))
		return ok && err == nil && name == call
	})
}

// The table of steps is whole: while the shim rotates, compresses, removes, and heals what
// a kill has left, it changes no file in a way that the table does not have.
func TestStepsAreAll(t *testing.T) {
	changes := []string{
		"create", "renameat", "linkat", "symlinkat", "unlinkat", "mkdirat", "chmod", "chown", "utimensat",
		"setxattr", "ftruncate", "fallocate", "fsync", "write",
	}
	onNewest(t, func(t *testing.T, containerd *testbed.Containerd) {
		h := newKillHarness(t, containerd)
		h.strike(t, []string{"write=" + unfinished}, true, h.whole)
		if err := h.shim.StartRecorded(t.Context(), containerd.Dir, changes...); err != nil {
			t.Fatal(err)
		}
		var found [][2]string
		eventually(t, func(context.Context) (err error) {
			if found, err = h.shim.Recorded(); err == nil {
				err = allSeen(found)
			}
			return err
		})
		for _, c := range found {
			call, file := c[0], c[1]
			ours := strings.HasPrefix(file, containerd.PodLogsDir) || strings.HasPrefix(file, h.shim.Config.KeepDir)
			known := slices.ContainsFunc(killSteps(), func(s killStep) bool { return s.explains(call, file) })
			if ours && !known {
				t.Errorf("no step of the table is %s of %q", call, file)
			}
		}
		h.finish(t)
	})
}

// allSeen is nil if every step that is about a file is among the calls.
func allSeen(calls [][2]string) error {
	for _, s := range killSteps() {
		seen := slices.ContainsFunc(calls, func(c [2]string) bool { return s.explains(c[0], c[1]) })
		if about := s.calls[len(s.calls)-1]; !seen && !strings.Contains(about, "socket:") {
			return fmt.Errorf("the shim has not come to this: %s", s.name)
		}
	}
	return nil
}

// effect tells whether the file that a call was to make or remove looks as it then should.
func effect(call, file string, took bool) error {
	switch {
	case call == "create", call == "renameat", call == "linkat":
	case call == "unlinkat":
		took = !took
	default:
		return nil
	}
	if took {
		return exists(file)
	}
	return absent(file)
}

// strike kills the shim at a step of a log, proves that it was there, and leaves it dead.
func (h *killHarness) strike(t *testing.T, calls []string, after bool, log *testbed.Container) {
	t.Helper()
	strike := testbed.Strike{Steps: calls, After: after, Under: filepath.Dir(log.LogPath())}
	if h.shim.Running() {
		if err := h.shim.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.shim.LaunchInto(strike); err != nil {
		t.Fatal(err)
	}
	file, err := h.shim.Struck(t.Context(), strikeTime)
	if err != nil {
		t.Fatalf("%q, after it: %t: %v", calls, after, err)
	}
	call, _, _ := strings.Cut(calls[len(calls)-1], "=")
	if err := effect(call, file, after); err != nil {
		t.Errorf("killed at %q, after it: %t: %v", calls, after, err)
	}
	h.struck++
}

// strikeAt kills the shim before a step and after it.
func (h *killHarness) strikeAt(t *testing.T, step killStep) {
	t.Helper()
	log := h.whole
	if step.pruned {
		log = h.pruned
	}
	for _, after := range []bool{false, true} {
		if step.once && !after {
			continue
		}
		if step.from != nil {
			h.strike(t, step.from, true, log)
		}
		h.strike(t, step.calls, after, log)
	}
}

// strikeTime is how long the shim may take to come to a step; it takes about a second.
const strikeTime = 30 * time.Second
