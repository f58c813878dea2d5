package logmgr_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cri-logshim/cri-logshim/logmgr"
	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
)

// disk is a file system on which the files of a rig lie, as the manager is told.
type disk struct {
	size, inodes int64
	others       atomic.Int64 // bytes that are not the logs'
	late         atomic.Bool  // what is removed does not become free
	most         int64        // bytes that the logs had, while that is so
	broken       atomic.Bool  // nothing can be said of it
	asked        atomic.Int64
}

// withDisk is a bubble with a disk of 100 MiB.
func withDisk(t *testing.T, node logmgr.Node, f func(t *testing.T, r *rig, d *disk)) {
	t.Helper()
	bubble(t, func(t *testing.T, r *rig) {
		d := &disk{size: 100 * mib, inodes: 100_000}
		r.options.Node = node
		r.options.Space = func() (logfile.Space, error) {
			d.asked.Add(1)
			if d.broken.Load() {
				return logfile.Space{}, errors.New("the disk says nothing")
			}
			bytes, files := r.usage()
			if d.late.Load() {
				d.most = max(d.most, bytes)
				bytes = d.most
			}
			return logfile.Space{
				Bytes: d.size, FreeBytes: d.size - bytes - d.others.Load(),
				Inodes: d.inodes, FreeInodes: d.inodes - files,
			}, nil
		}
		f(t, r, d)
	})
}

// usage is what all files take, those in keepDir too, and their number.
func (r *rig) usage() (bytes, files int64) {
	seen := map[uint64]bool{}
	err := filepath.WalkDir(filepath.Dir(r.dir), func(name string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || err == nil && !e.Type().IsRegular() {
			return nil
		}
		var st unix.Stat_t
		if err = errors.Join(err, unix.Lstat(name, &st)); errors.Is(err, fs.ErrNotExist) {
			return nil // removed meanwhile
		}
		if !seen[st.Ino] {
			seen[st.Ino] = true
			bytes += st.Blocks * 512
			files++
		}
		return err
	})
	if err != nil {
		r.Error(err)
	}
	return bytes, files
}

// free is what is left on the disk.
func (r *rig) free(d *disk) int64 {
	bytes, _ := r.usage()
	return d.size - bytes - d.others.Load()
}

// TestFloor: space that others take is won back within two seconds, from the oldest
// files of whoever has most, and no more than was taken.
func TestFloor(t *testing.T) {
	for name, floor := range map[string]logmgr.Floor{"amount": {Amount: 20 * mib}, "share": {Percent: 20}} {
		t.Run(name, func(t *testing.T) {
			withDisk(t, logmgr.Node{MinFree: floor}, func(t *testing.T, r *rig, d *disk) {
				r.start()
				big, small := r.run("big"), r.run("small")
				r.rotate(big, 12)
				r.rotate(small, 3)
				r.pass(5 * time.Second)
				before := names(t, small.Path())
				if got := r.metric("files_removed_total"); got != 0 {
					t.Fatalf("%v files removed with space left", got)
				}
				all := names(t, big.Path())
				d.others.Store(d.size - 20*mib - 11*mib) // of some 15 MiB, 4 have to go
				r.pass(2 * time.Second)
				if got := r.free(d); got < 20*mib || got > 20*mib+mib+64*kib {
					t.Errorf("%d KiB are free", got/kib)
				}
				left := names(t, big.Path())
				if left[0] != "0.log" || !slices.Equal(left[1:], all[len(all)-len(left)+1:]) || len(left) == len(all) {
					t.Errorf("of %q are left %q", all, left)
				}
				if got := names(t, small.Path()); !slices.Equal(got, before) {
					t.Errorf("of the small one's %q are left %q", before, got)
				}
				removed := r.metric("files_removed_total", "node.minFree")
				if want := float64(len(all) - len(left)); removed != want {
					t.Errorf("%v removals are counted, want %v", removed, want)
				}
				r.pass(5 * time.Minute)
				if got := r.metric("files_removed_total"); got != removed || r.metric("node_pressure") != 0 {
					t.Errorf("later %v files are removed, pressure %v", got, r.metric("node_pressure"))
				}
				r.newestLines(big)
				r.verify(small)
			})
		})
	}
}

// TestInodes: the same for the number of files.
func TestInodes(t *testing.T) {
	withDisk(t, logmgr.Node{MinFreeInodes: logmgr.Floor{Amount: 10}}, func(t *testing.T, r *rig, d *disk) {
		d.inodes = 20
		r.policy.MaxSize = 100 * kib
		r.start()
		c := r.run("app")
		for range 20 {
			r.rotate(c, 1)
			r.pass(2 * time.Second)
			if _, files := r.usage(); files > 10 {
				t.Fatalf("%d files", files)
			}
		}
		_, files := r.usage()
		if got := r.metric("files_removed_total", "node.minFreeInodes"); files < 9 || got == 0 {
			t.Errorf("%d files are left, %v removals are counted", files, got)
		}
		r.newestLines(c)
	})
}

// TestMaxBytes: the sum of all logs is bounded, however they are written.
func TestMaxBytes(t *testing.T) {
	const budget = 8 * mib
	withDisk(t, logmgr.Node{MaxBytes: budget}, func(t *testing.T, r *rig, d *disk) {
		r.start()
		a, b, idle := r.run("a"), r.run("b"), r.run("idle")
		r.must(idle.Print("stdout", 500, 1000))
		for range 6 {
			r.print(a, 3*mib, time.Second)
			r.print(b, 2*mib, time.Second)
			if got, _ := r.usage(); got > budget+2*5*mib {
				t.Errorf("%d KiB of logs, two seconds of writing above the budget at most", got/kib)
			}
		}
		r.pass(2 * time.Second)
		got, _ := r.usage()
		if got > budget || got < budget-mib-128*kib {
			t.Errorf("%d KiB of logs, want %d or little less", got/kib, budget/kib)
		}
		if told := r.Status().Node.LogBytes; told == nil || *told != got {
			t.Errorf("%v bytes are told of, there are %d", told, got)
		}
		if r.metric("files_removed_total", "node.maxBytes") == 0 {
			t.Error("no removal is counted")
		}
		r.newestLines(a)
		r.newestLines(b)
		r.verify(idle)
		r.pass(10 * time.Minute)
		if now, _ := r.usage(); now != got {
			t.Errorf("%d bytes of logs later, %d before", now, got)
		}
	})
}

// TestLogBytesAreCountedOnlyForABudget: what nobody has counted is told as no number, and
// as one as soon as there is a budget.
func TestLogBytesAreCountedOnlyForABudget(t *testing.T) {
	floor := logmgr.Node{MinFree: logmgr.Floor{Amount: mib}}
	withDisk(t, floor, func(t *testing.T, r *rig, d *disk) {
		r.start()
		r.must(r.run("app").Print("stdout", 500, 1000))
		for name, node := range map[string]logmgr.Node{"none": {}, "floor": floor, "budget": {MaxBytes: 8 * mib}} {
			s := r.options.Settings
			s.Node, s.PolicyOf = node, always(r.policy)
			r.Configure(s)
			r.pass(3 * time.Second)
			text, err := json.Marshal(r.Status().Node)
			r.must(err)
			if told, want := strings.Contains(string(text), `"logBytes":`), name == "budget"; told != want {
				t.Errorf("with the bound %q the status is %s", name, text)
			}
		}
	})
}

// TestMaxBytesWithoutRotation: what a log gains before it is rotated is counted too, while it is
// written, and when it has gone to sleep.
func TestMaxBytesWithoutRotation(t *testing.T) {
	const budget = 4 * mib
	withDisk(t, logmgr.Node{MaxBytes: budget}, func(t *testing.T, r *rig, d *disk) {
		r.policy.MaxSize = 100 * mib
		r.start()
		c := r.run("app")
		for range 3 {
			r.print(c, mib, 5*time.Second)
			r.pass(4 * time.Second)
			if got, _ := r.usage(); got > budget {
				t.Errorf("%d KiB of logs, the budget is %d", got/kib, budget/kib)
			}
			r.pass(50 * time.Second)
		}
		if c.Reopens() == 0 {
			t.Error("the log is not rotated")
		}
	})
}

// TestHeldUnderPressure: a file that is still written stays, and so do all later ones
// of its container; others go instead.
func TestHeldUnderPressure(t *testing.T) {
	withDisk(t, logmgr.Node{MinFree: logmgr.Floor{Amount: 20 * mib}}, func(t *testing.T, r *rig, d *disk) {
		r.start()
		big, small := r.run("big"), r.run("small")
		r.rotate(big, 5)
		r.rotate(small, 3)
		held := r.holdOldest(big)
		before := names(t, big.Path())
		d.others.Store(d.size - 20*mib - 7*mib)
		r.pass(2 * time.Second)
		if got := r.free(d); got < 20*mib {
			t.Errorf("%d KiB are free", got/kib)
		}
		if got := names(t, big.Path()); !slices.Equal(got, before) {
			t.Errorf("of %q are left %q", before, got)
		}
		r.newestLines(small)
		r.must(held.Close())
	})
}

// TestNothingMayGo: when something else fills the disk, no current log is removed, and
// one error a minute says so.
func TestNothingMayGo(t *testing.T) {
	withDisk(t, logmgr.Node{MinFree: logmgr.Floor{Percent: 12}}, func(t *testing.T, r *rig, d *disk) {
		r.start()
		c := r.run("app")
		r.must(c.Print("stdout", 500, 1000))
		d.others.Store(d.size)
		r.pass(10*time.Minute + 30*time.Second)
		if got := r.said("no log file may be removed"); got < 10 || got > 11 {
			t.Errorf("said %d times in ten minutes", got)
		}
		if got := r.metric("node_pressure", "node.minFree"); got != 1 {
			t.Errorf("pressure %v", got)
		}
		if r.Status().Node.Broken == "" {
			t.Errorf("status %+v", r.Status().Node)
		}
		d.others.Store(0)
		r.pass(2 * time.Second)
		if got := r.metric("node_pressure"); got != 0 || r.Status().Node.Broken != "" {
			t.Errorf("pressure %v, status %+v with space left", got, r.Status().Node)
		}
		r.verify(c)
		r.inPlace(c)
	})
}

// TestLargeLogsAreUrged: where a current log has all the space, it is rotated although
// it is far from full, one that sleeps too; small ones are left alone.
func TestLargeLogsAreUrged(t *testing.T) {
	withDisk(t, logmgr.Node{MinFree: logmgr.Floor{Amount: 20 * mib}}, func(t *testing.T, r *rig, d *disk) {
		r.policy.MaxSize = 50 * mib
		r.start()
		large, small := r.run("large"), r.run("small")
		r.must(large.Print("stdout", 8000, 1000))
		r.must(small.Print("stdout", 800, 1000))
		r.pass(time.Minute)
		d.others.Store(d.size - 20*mib - 4*mib)
		r.pass(4 * time.Second)
		if got := r.free(d); got < 20*mib {
			t.Errorf("%d KiB are free", got/kib)
		}
		if large.Reopens() != 1 || small.Reopens() != 0 {
			t.Errorf("%d rotations of the large log, %d of the small one", large.Reopens(), small.Reopens())
		}
		r.pass(time.Minute)
		r.must(large.Print("stdout", 3000, 1000))
		r.pass(time.Minute)
		if large.Reopens() != 1 || r.said("no log file may be removed") > 0 {
			t.Errorf("%d rotations of the large log, without need", large.Reopens())
		}
		r.verify(small)
	})
}

// TestOpenFilesCountAsFree: what was removed and is not free at once, since somebody
// reads it, is not a reason to remove more; for half a minute, at most.
func TestOpenFilesCountAsFree(t *testing.T) {
	withDisk(t, logmgr.Node{MinFree: logmgr.Floor{Amount: 20 * mib}}, func(t *testing.T, r *rig, d *disk) {
		r.start()
		c := r.run("app")
		r.rotate(c, 10)
		d.late.Store(true)
		d.others.Store(d.size - 20*mib - 9*mib)
		r.pass(3 * time.Second)
		removed := r.metric("files_removed_total")
		if removed == 0 || removed > 4 {
			t.Errorf("%v files removed", removed)
		}
		r.pass(20 * time.Second)
		if got := r.metric("files_removed_total"); got != removed {
			t.Errorf("%v files removed, %v before", got, removed)
		}
		r.pass(20 * time.Second)
		if got := r.metric("files_removed_total"); got == removed {
			t.Error("nothing more is removed, though it has not become free")
		}
		r.newestLines(c)
	})
}

// TestUnreadGoesLast: what a collector has not read goes after what is read, though its
// container has more.
func TestUnreadGoesLast(t *testing.T) {
	withDisk(t, logmgr.Node{MinFree: logmgr.Floor{Amount: 20 * mib}}, func(t *testing.T, r *rig, d *disk) {
		crowd := &crowd{}
		r.options.Readers = crowd
		r.start()
		big, small := r.run("big"), r.run("small")
		r.rotate(big, 5)
		r.rotate(small, 3)
		reader := crowd.join(r, "collector")
		reader.open(filepath.Join(filepath.Dir(big.Path()), rotated(t, big.Path())[0]))
		d.others.Store(d.size - 20*mib - 7*mib)
		r.pass(2 * time.Second)
		if got := r.free(d); got < 20*mib || len(rotated(t, big.Path())) != 5 {
			t.Errorf("%d KiB are free, of the unread files %d are left", got/kib, len(rotated(t, big.Path())))
		}
		d.others.Store(d.size - 20*mib - 4*mib)
		r.pass(2 * time.Second)
		if got := r.free(d); got < 20*mib {
			t.Errorf("%d KiB are free, since nobody has read the rest", got/kib)
		}
		if r.metric("deleted_unread_bytes_total") == 0 {
			t.Error("no unread byte is counted")
		}
	})
}

// TestKeptGoesFirst: logs whose pod is gone go before those of one that runs.
func TestKeptGoesFirst(t *testing.T) {
	withDisk(t, logmgr.Node{MinFree: logmgr.Floor{Amount: 20 * mib}}, func(t *testing.T, r *rig, d *disk) {
		r.options.KeepDir = filepath.Join(filepath.Dir(r.dir), "kept")
		r.policy.KeepAfterRemoval = 100 * time.Hour
		r.start()
		r.pass(time.Second)
		gone, stays := r.run("gone"), r.run("stays")
		r.rotate(gone, 3)
		r.rotate(stays, 6)
		r.pass(time.Second)
		r.evict(gone)
		d.others.Store(d.size - 20*mib - 7*mib)
		r.pass(2 * time.Second)
		if got := r.free(d); got < 20*mib || len(rotated(t, stays.Path())) != 6 {
			t.Errorf("%d KiB are free, of the running container's files %d are left", got/kib, len(rotated(t, stays.Path())))
		}
		r.verify(stays)
		d.others.Store(d.size - 20*mib - 4*mib)
		r.pass(2 * time.Second)
		if got := r.free(d); got < 20*mib || len(rotated(t, stays.Path())) == 6 {
			t.Errorf("%d KiB are free, and the running container has all its files", got/kib)
		}
	})
}

// TestBoundsChange: bounds hold from the reload on that sets them and until the one
// that takes them away; a node without any is not looked at.
func TestBoundsChange(t *testing.T) {
	withDisk(t, logmgr.Node{}, func(t *testing.T, r *rig, d *disk) {
		r.start()
		c := r.run("app")
		r.rotate(c, 5)
		d.others.Store(d.size)
		r.pass(time.Minute)
		if got := d.asked.Load(); got != 0 {
			t.Errorf("asked %d times without a bound", got)
		}
		r.options.Node.MinFree.Amount = 1
		r.setPolicy(r.policy)
		r.pass(2 * time.Second)
		if got := rotated(t, c.Path()); len(got) != 0 || r.metric("node_pressure") != 1 {
			t.Errorf("%q is left, pressure %v", got, r.metric("node_pressure"))
		}
		r.options.Node = logmgr.Node{}
		r.setPolicy(r.policy)
		r.pass(time.Second)
		asked := d.asked.Load()
		r.pass(time.Minute)
		if d.asked.Load() != asked || r.metric("node_pressure") != 0 {
			t.Errorf("asked on without a bound, pressure %v", r.metric("node_pressure"))
		}
		if began, ended := r.said("a bound of the node is broken"), r.said("no bound of the node is broken"); began != 1 || ended != 1 {
			t.Errorf("the pressure has begun %d times and ended %d times", began, ended)
		}
		r.inPlace(c)
	})
}

// TestUnknownSpace: a file system that tells nothing has no floor to be broken.
func TestUnknownSpace(t *testing.T) {
	withDisk(t, logmgr.Node{MinFree: logmgr.Floor{Amount: math.MaxInt64}}, func(t *testing.T, r *rig, d *disk) {
		d.broken.Store(true)
		r.start()
		c := r.run("app")
		r.rotate(c, 5)
		r.pass(3*time.Minute + 30*time.Second)
		r.verify(c)
		if got := r.said("cannot find out how much space is free"); got < 3 || got > 4 {
			t.Errorf("said %d times in three minutes", got)
		}
		if got := r.metric("failures_total", "space"); got < 180 {
			t.Errorf("%v failures are counted", got)
		}
		if got := fmt.Sprint(r.Status().Node); got != fmt.Sprint(logmgr.NodeStatus{}) {
			t.Errorf("status %s", got)
		}
	})
}
