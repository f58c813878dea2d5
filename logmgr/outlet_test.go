package logmgr_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"

	"github.com/cri-logshim/cri-logshim/logmgr"
	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
)

// diskOf is what files take on disk, in bytes.
func diskOf(t *testing.T, paths ...string) (sum int64) {
	t.Helper()
	for _, path := range paths {
		var st unix.Stat_t
		if err := unix.Stat(path, &st); err != nil {
			t.Fatal(err)
		}
		sum += st.Blocks * 512
	}
	return sum
}

// TestSizesElsewhere: what the runtime's own files take is told, rotated ones included, and
// how often they were rotated; of a container that is gone nothing is.
func TestSizesElsewhere(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		runtime := redirecting(r)
		r.start()
		big, file := r.runElsewhere(runtime, "big")
		small, other := r.runElsewhere(runtime, "small")
		r.must(os.WriteFile(filepath.Join(filepath.Dir(file), "config.v2.json"), make([]byte, mib), 0o600))
		r.must(os.WriteFile(file+".x", make([]byte, mib), 0o600))
		r.must(small.Print("stdout", 10, 1000))
		for i := range 4 {
			r.must(big.Print("stdout", 1000*(i+1), 1000))
			if i < 3 {
				r.pass(12 * time.Second)
				r.must(runtime.Rotate(big.ID(), 3))
			}
		}
		r.pass(12 * time.Second)
		all := r.Status().Elsewhere
		if len(all) != 2 || all[0].Container != "big" || all[1].Container != "small" {
			t.Fatalf("told of %+v", all)
		}
		want := logmgr.ElsewhereLog{
			Namespace: "ns", Pod: "pod", Container: "big", Path: big.Path(), File: file, Driver: "json-file",
			Bytes: 4000 * 1000, DiskBytes: diskOf(t, file, file+".1", file+".2"), MaxSize: 10 * mib, MaxFiles: 3, Rotations: 3,
		}
		if diff := cmp.Diff(want, all[0], cmpopts.IgnoreUnexported(want)); diff != "" {
			t.Errorf("told of (-want +got):\n%s", diff)
		}
		if got, sum := r.metric("elsewhere_bytes"), want.DiskBytes+diskOf(t, other); got != float64(sum) {
			t.Errorf("%v bytes are told of, want %d", got, sum)
		}
		if logs, rotations := r.metric("elsewhere_logs"), r.metric("elsewhere_rotations_total"); logs != 2 || rotations != 3 {
			t.Errorf("%v logs and %v rotations are told of", logs, rotations)
		}
		if got := r.metric("logs_managed"); got != 0 || r.Status().Logs != 0 {
			t.Errorf("%v logs are said to be held to their policy", got)
		}
		r.remove(big)
		r.remove(small)
		r.pass(time.Second)
		if bytes, logs := r.metric("elsewhere_bytes"), r.metric("elsewhere_logs"); bytes != 0 || logs != 0 || len(r.Status().Elsewhere) != 0 {
			t.Errorf("%v bytes in %v logs of containers that are gone", bytes, logs)
		}
	})
}

// TestRotationsElsewhereAreCounted: several between two looks, by a runtime that keeps many
// files, and by one that cuts its only one.
func TestRotationsElsewhereAreCounted(t *testing.T) {
	for keep, each := range map[int]int{1: 1, 2: 1, 9: 5} {
		t.Run(fmt.Sprint(keep), func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				runtime := redirecting(r)
				r.start()
				c, _ := r.runElsewhere(runtime, "app")
				for range 5 {
					r.must(c.Print("stdout", 100, 100))
					r.pass(11 * time.Second)
					for range each {
						r.must(runtime.Rotate(c.ID(), keep))
						r.must(c.Print("stdout", 10, 100))
					}
					r.pass(11 * time.Second)
				}
				if got := r.metric("elsewhere_rotations_total"); got != float64(5*each) {
					t.Errorf("%v rotations are counted, want %d", got, 5*each)
				}
			})
		})
	}
}

// TestSizesAfterAFailedLook: rotated files count again once the current one is back, though
// they have stayed what they were.
func TestSizesAfterAFailedLook(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		runtime := redirecting(r)
		r.start()
		c, file := r.runElsewhere(runtime, "app")
		r.must(c.Print("stdout", 100, 1000))
		r.must(runtime.Rotate(c.ID(), 3))
		dir := filepath.Dir(file)
		old := time.Now().Add(-time.Hour)
		r.must(os.Chtimes(dir, old, old))
		r.pass(21 * time.Second)
		want := diskOf(t, file, file+".1")
		if got := r.metric("elsewhere_bytes"); got != float64(want) {
			t.Fatalf("%v bytes are told of, want %d", got, want)
		}
		r.must(os.Rename(dir, dir+aside)) // as when its file system is away for a while
		r.pass(11 * time.Second)
		if got := r.metric("elsewhere_bytes"); got != 0 {
			t.Errorf("%v bytes are told of while nothing is there", got)
		}
		r.must(os.Rename(dir+aside, dir))
		r.pass(11 * time.Second)
		if got := r.metric("elsewhere_bytes"); got != float64(want) {
			t.Errorf("%v bytes are told of, want %d", got, want)
		}
	})
}

// TestFilesElsewhereAreNotTouched: whatever a policy, the settings and a full disk would
// have done to a log, nothing is done to the runtime's file, nor beside the link.
func TestFilesElsewhereAreNotTouched(t *testing.T) {
	group := os.Getegid() + 4321 // one that its files do not have anyway
	withDisk(t, logmgr.Node{MinFree: logmgr.Floor{Percent: 99}, MaxBytes: 1}, func(t *testing.T, r *rig, _ *disk) {
		runtime := redirecting(r)
		r.options.KeepDir = filepath.Join(filepath.Dir(r.dir), "kept")
		r.options.Files = logmgr.Files{Group: &group, Mode: 0o644}
		r.policy = logmgr.Policy{
			MaxSize: kib, MaxAge: time.Second, MaxFiles: 2, Compression: logfile.Gzip, DeleteAfter: time.Second,
			MaxTotalSize: 1, KeepAfterRemoval: time.Hour,
		}
		r.start()
		c, file := r.runElsewhere(runtime, "app")
		for range 30 {
			r.must(c.Print("stdout", 100, 1000))
			r.pass(5 * time.Second)
		}
		info, err := os.Stat(file)
		r.must(err)
		if st := info.Sys().(*syscall.Stat_t); info.Size() != 3000*1000 || info.Mode().Perm() != 0o640 || int(st.Gid) == group {
			t.Errorf("the file has %d bytes, mode %v and group %d", info.Size(), info.Mode(), st.Gid)
		}
		for dir, want := range map[string]string{filepath.Dir(c.Path()): "[0.log]", filepath.Dir(file): "[" + filepath.Base(file) + "]"} {
			if got := fmt.Sprint(names(t, filepath.Join(dir, "x"))); got != want {
				t.Errorf("in %q there is %s", dir, got)
			}
		}
		if got := len(c.Asked()); got != 0 || r.metric("failures_total") != 0 || r.metric("reopen_seconds") != 0 {
			t.Errorf("%d reopens, %v failures: %q", got, r.metric("failures_total"), r.lines("cannot"))
		}
	})
}

// TestUnboundedFile: that nothing bounds a file is said once, and only where it is so.
func TestUnboundedFile(t *testing.T) {
	for name, test := range map[string]struct {
		to    logmgr.Redirection
		lines int // of 1000 bytes; the limit is 1 MiB
		said  int
	}{
		"with a limit":                    {logmgr.Redirection{Driver: "json-file", MaxSize: mib}, 2000, 0},
		"without one":                     {logmgr.Redirection{Driver: "json-file"}, 1, 1},
		"with none known, and small":      {logmgr.Redirection{}, 1, 0},
		"with none known, and beyond all": {logmgr.Redirection{}, 2000, 1},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				runtime := redirecting(r)
				r.start()
				for i := range 5 {
					facts := r.facts(fmt.Sprint("app", i))
					to := test.to
					to.Elsewhere, to.Path = true, filepath.Join(t.TempDir(), "x-json.log")
					c := r.elsewhere(runtime, facts, to)
					r.must(c.Print("stdout", test.lines, 1000))
					r.Created(facts)
					r.Started(c.ID(), false)
					r.pass(time.Minute)
				}
				if got := r.said("max-size and max-file under log-opts"); got != test.said {
					t.Errorf("said %d times, want %d", got, test.said)
				}
			})
		})
	}
}

// TestPressureNamesFilesElsewhere: they count within the node's budget, and an operator is
// told which are the largest and what bounds them; but files on another file system have no
// part in what is missing on this one.
func TestPressureNamesFilesElsewhere(t *testing.T) {
	for name, test := range map[string]struct {
		node         logmgr.Node
		otherDevice  bool
		blamed, told bool
	}{
		"budget":                       {logmgr.Node{MaxBytes: mib}, false, true, true},
		"budget, on another device":    {logmgr.Node{MaxBytes: mib}, true, true, true},
		"floor":                        {logmgr.Node{MinFree: logmgr.Floor{Percent: 99}}, false, true, true},
		"floor, on another device":     {logmgr.Node{MinFree: logmgr.Floor{Percent: 99}}, true, false, true},
		"nothing is broken":            {logmgr.Node{MaxBytes: 500 * mib}, false, false, false},
		"nothing is broken, elsewhere": {logmgr.Node{MaxBytes: 500 * mib}, true, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			withDisk(t, test.node, func(t *testing.T, r *rig, d *disk) {
				d.others.Store(2 * mib)
				runtime := redirecting(r)
				r.start()
				for i := range 5 {
					root := t.TempDir()
					if test.otherDevice {
						root = otherDevice(t)
					}
					facts := r.facts(fmt.Sprint("app", i))
					c := r.elsewhere(runtime, facts, r.jsonFile(root, facts.ID))
					r.must(c.Print("stdout", 400*(i+1), 1000))
					r.Created(facts)
					r.Started(c.ID(), false)
				}
				r.pass(15 * time.Second)
				text := r.lines("no log file may be removed")
				if got := len(text) > 0; got != test.told {
					t.Fatalf("told: %q", text)
				}
				if !test.told {
					return
				}
				blamed := strings.Contains(text[0], "max-size")
				if blamed != test.blamed || blamed != strings.Contains(text[0], "ns/pod/app4") || strings.Contains(text[0], "ns/pod/app0") {
					t.Errorf("said %q", text[0])
				}
				if others := strings.Contains(text[0], "other_file_systems"); others == test.blamed {
					t.Errorf("said %q", text[0])
				}
				if bytes := r.Status().Node.LogBytes; test.node.MaxBytes > 0 && (bytes == nil || *bytes != int64(r.metric("elsewhere_bytes"))) {
					t.Errorf("%v bytes of logs are told of, want %v", bytes, r.metric("elsewhere_bytes"))
				}
			})
		})
	}
}

// otherDevice is a directory on another file system than those of testing.T.
func otherDevice(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// lines are the messages of the journal that contain text, with their fields.
func (r *rig) lines(text string) (out []string) {
	for _, e := range r.journal.AllEntries() {
		if strings.Contains(e.Message, text) {
			out = append(out, fmt.Sprint(e.Message, " ", e.Data))
		}
	}
	return out
}
