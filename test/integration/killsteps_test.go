package integration

import (
	"context"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// killStep is one thing that the shim does to a log's files or tells the runtime: a kill
// on either side of it leaves another state behind.
type killStep struct {
	name string
	// calls are those that lead there and the one that is the step, as testbed.Strike has
	// them, but for the directory: names are relative to the log's own, or with "kept/"
	// before them to that of its second names.
	calls []string
	of    string // which log: the namespace of its pod; empty: the one that keeps all
	// from is the step after which the process before is killed, to leave what this one
	// then finds; nil: anything.
	from []string
	// prepare does something else beforehand.
	prepare func(*killHarness, *testing.T)
	// twins are calls of the same step that need no kill of their own.
	twins []string
	once  bool // only a kill after it makes sense
}

// plain is a pattern for the names of rotated files that are not compressed.
const plain = "0.log.*[0-9]"

// killSteps is every step, in the order in which a log's life has them. TestStepsAreAll
// fails when the shim makes one that is missing here.
func killSteps() []killStep {
	return slices.Concat(keepDirSteps(), rotationSteps(), compressionSteps("", ".gz"), compressionSteps("packed", ".zst"),
		removalSteps(), putBackSteps())
}

// keepDirSteps are those that make keepDir ready.
func keepDirSteps() []killStep {
	const trial, second = "../../.cri-logshim-trial-*", "kept/../../.trial"
	lose := (*killHarness).loseKept
	return []killStep{
		{name: "a file is made to try a hard link", calls: []string{"create=" + trial}},
		{name: "a hard link is tried", calls: []string{"linkat=" + second}},
		{name: "the tried link is removed", calls: []string{"linkat=" + second, "unlinkat=" + second}, twins: []string{"unlinkat=" + second}},
		{name: "the tried file is removed", calls: []string{"unlinkat=" + trial}},
		{name: "the pod's directory in keepDir is made", calls: []string{"mkdirat=kept/.."}, prepare: lose},
		{name: "it gets its mode", calls: []string{"chmod=kept/.."}, prepare: lose},
		{name: "the container's directory in keepDir is made", calls: []string{"mkdirat=kept/."}, prepare: lose},
		{name: "it gets its mode too", calls: []string{"chmod=kept/."}, prepare: lose},
		{name: "a new term is made", calls: []string{"create=kept/.term.tmp"}, prepare: lose},
		{name: "the new term is written", calls: []string{"write=kept/.term.tmp"}, prepare: lose},
		{name: "the new term is in force", calls: []string{"renameat=kept/.term"}, prepare: lose},
		{name: "a rotated file gets its second name", calls: []string{"linkat=kept/" + plain}, prepare: lose},
	}
}

func rotationSteps() []killStep {
	const toSocket, fromSocket = "write=socket:*", "read=socket:*"
	return []killStep{
		{name: "the group of the current file is set", calls: []string{"chown=0.log"}},
		{name: "the mode of the current file is set", calls: []string{"chmod=0.log"}},
		{name: "the full log is moved aside", calls: []string{"renameat=" + plain}},
		{name: "the reopen is asked for", calls: []string{"renameat=" + plain, toSocket}},
		{name: "the reopen is answered", calls: []string{"renameat=" + plain, toSocket, fromSocket}, once: true},
		{name: "its second name is moved aside", calls: []string{"renameat=" + plain, "renameat=kept/" + plain}, twins: []string{"renameat=kept/" + plain}},
		{name: "the new file gets its second name", calls: []string{"renameat=kept/" + plain, "linkat=kept/0.log"}, twins: []string{"linkat=kept/0.log"}},
	}
}

// compressionSteps are those of one log, whose compressed files have a suffix.
func compressionSteps(of, suffix string) []killStep {
	compressed := "0.log.*" + suffix
	unfinished := compressed + ".tmp"
	steps := []killStep{
		{name: "a compressed file is made", calls: []string{"create=" + unfinished}},
		{name: "it gets its owner", calls: []string{"chown=" + unfinished}},
		{name: "it gets its mode", calls: []string{"chmod=" + unfinished}},
		{name: "it is written", calls: []string{"write=" + unfinished}},
		{name: "it gets its time", calls: []string{"utimensat=" + unfinished}},
		{name: "it is made durable", calls: []string{"fsync=" + unfinished}},
		{name: "it gets its name", calls: []string{"renameat=" + compressed}},
		{name: "its name is made durable", calls: []string{"renameat=" + compressed, "fsync=."}, twins: []string{"fsync=."}},
		{name: "it gets its second name", calls: []string{"renameat=" + compressed, "linkat=kept/" + compressed}, twins: []string{"linkat=kept/" + compressed}},
		{
			name: "its source's second name is removed", calls: []string{"linkat=kept/" + compressed, "unlinkat=kept/" + plain},
			twins: []string{"unlinkat=kept/" + plain},
		},
		{name: "its source is removed", calls: []string{"renameat=" + compressed, "unlinkat=" + plain}, twins: []string{"unlinkat=" + plain}},
		{name: "what a kill has left unfinished is removed", calls: []string{"unlinkat=" + unfinished}, from: []string{"write=" + unfinished}},
		{
			name: "what a kill has left without a second name gets it", calls: []string{"linkat=kept/" + compressed},
			from: []string{"renameat=" + compressed},
		},
		{
			name: "the second name of what a kill has left uncompressed as well is removed", calls: []string{"unlinkat=kept/" + plain},
			from: []string{"linkat=kept/" + compressed},
		},
		{
			name: "what a kill has left uncompressed as well is removed", calls: []string{"unlinkat=" + plain},
			from: []string{"renameat=" + compressed},
		},
	}
	for i := range steps {
		steps[i].of = of
	}
	return steps
}

func removalSteps() []killStep {
	const oldest = "0.log.*.gz"
	return []killStep{
		{name: "the oldest file's second name is removed", calls: []string{"unlinkat=kept/" + oldest}, of: "pruned"},
		{name: "the oldest file is removed", calls: []string{"unlinkat=" + oldest}, of: "pruned"},
	}
}

// putBackSteps are about a log that a kill has left without a current file, and whose
// container has ended since.
func putBackSteps() []killStep {
	cut := (*killHarness).cutLog
	return []killStep{
		{name: "the newest rotated file is put back", calls: []string{"renameat=0.log"}, of: "cut", prepare: cut},
		{name: "its second name is put back", calls: []string{"renameat=kept/0.log"}, of: "cut", prepare: cut},
	}
}

// on makes a call with a name in a directory of a log one with a path.
func (h *killHarness) on(log *testbed.Container, known string) string {
	call, name, _ := strings.Cut(known, "=")
	if strings.HasPrefix(name, "socket:") {
		return known
	}
	dir := filepath.Dir(log.LogPath())
	if kept, is := strings.CutPrefix(name, "kept/"); is {
		dir, name = filepath.Dir(h.keptPath(log)), kept
	}
	return call + "=" + filepath.Join(dir, name)
}

// explains tells whether the step is what made a call on a file, of whichever log.
func (h *killHarness) explains(s killStep, call, file string) bool {
	return slices.ContainsFunc(append(s.twins, s.calls[len(s.calls)-1]), func(known string) bool {
		return slices.ContainsFunc(h.logs(), func(log *testbed.Container) bool {
			name, pattern, _ := strings.Cut(h.on(log, known), "=")
			ok, err := path.Match(pattern, file)
			return ok && err == nil && name == call
		})
	})
}

// The table of steps is whole: while the shim rotates, compresses, keeps, removes, and
// heals what a kill has left, it changes no file in a way that the table does not have.
func TestStepsAreAll(t *testing.T) {
	changes := []string{
		"create", "renameat", "linkat", "symlinkat", "unlinkat", "mkdirat", "chmod", "chown", "utimensat",
		"setxattr", "ftruncate", "fallocate", "fsync", "write",
	}
	onNewest(t, func(t *testing.T, containerd *testbed.Containerd) {
		h := newKillHarness(t, containerd)
		h.loseKept(t)
		h.cutLog(t) // after which nobody may heal it who is not watched
		writeFile(t, h.whole.LogPath()+".20200101-000000.000000000.gz.tmp", "unfinished")
		writeFile(t, h.packed.LogPath()+".20200101-000000.000000000.zst.tmp", "unfinished")
		if err := h.shim.StartRecorded(t.Context(), containerd.Dir, changes...); err != nil {
			t.Fatal(err)
		}
		var found [][2]string
		eventually(t, func(context.Context) (err error) {
			if found, err = h.shim.Recorded(); err == nil {
				err = h.allSeen(found)
			}
			return err
		})
		missing := map[string]bool{}
		for _, c := range found {
			call, file := c[0], c[1]
			ours := strings.HasPrefix(file, containerd.PodLogsDir) || strings.HasPrefix(file, h.shim.Config.KeepDir)
			known := slices.ContainsFunc(killSteps(), func(s killStep) bool { return h.explains(s, call, file) })
			if kind := call + "=" + filepath.Base(file); ours && !known && !missing[kind] {
				missing[kind] = true
				t.Errorf("no step of the table is %s of %q", call, file)
			}
		}
		h.finish(t)
	})
}

// allSeen is nil if every step that is about a file is among the calls.
func (h *killHarness) allSeen(calls [][2]string) error {
	for _, s := range killSteps() {
		seen := slices.ContainsFunc(calls, func(c [2]string) bool { return h.explains(s, c[0], c[1]) })
		if about := s.calls[len(s.calls)-1]; !seen && !strings.Contains(about, "socket:") {
			return fmt.Errorf("the shim has not come to this: %s: %s", s.name, about)
		}
	}
	return nil
}
