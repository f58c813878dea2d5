package logmgr_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cri-logshim/cri-logshim/logmgr"
	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
	"github.com/cri-logshim/cri-logshim/logmgr/runtimetest"
)

// runIn makes and starts a container in a namespace and tells the manager so.
func (r *rig) runIn(namespace, name string) *runtimetest.Container {
	r.Helper()
	facts := r.facts(name)
	facts.Namespace = namespace
	facts.LogDirectory = filepath.Join(r.dir, namespace+"_pod_uid-"+name)
	c := r.behind(facts)
	r.Created(facts)
	r.Started(c.ID(), false)
	return c
}

// total is what all sums by namespace come to.
func (r *rig) total() (total logmgr.Sum) {
	r.Helper()
	sums, err := r.Sums(r.Context())
	r.must(err)
	disk := int64(0)
	for _, s := range sums.Namespaces {
		total.BytesWritten += s.BytesWritten
		total.Rotations += s.Rotations
		if s.DiskBytes != nil {
			disk += *s.DiskBytes
		}
	}
	total.DiskBytes = &disk
	return total
}

// onDisk is what lies in podLogsDir and keepDir, each file once.
func (r *rig) onDisk() (sum int64) {
	r.Helper()
	seen := map[uint64]bool{}
	for _, dir := range []string{r.dir, r.options.KeepDir} {
		r.must(filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err != nil || !strings.Contains(path, ".log") {
				return err
			}
			var st unix.Stat_t
			if err := unix.Stat(path, &st); err != nil {
				return err
			}
			if !e.IsDir() && !seen[st.Ino] {
				seen[st.Ino] = true
				sum += st.Blocks * 512
			}
			return nil
		}))
	}
	return sum
}

// What namespaces have written and how often their logs were rotated comes to the node's own
// counters at any time, and does not fall when a pod goes: a counter that falls is taken for a
// restart, and all of it for news. What lies on disk is counted once, whether keepDir has it too or
// alone.
func TestSumsByNamespace(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.keeping(100*kib, time.Hour)
		r.options.ContainerSums = true
		r.start()
		check := func(when string) {
			t.Helper()
			total := r.total()
			if want := int64(r.metric("written_bytes_total")); total.BytesWritten != want || want == 0 {
				t.Errorf("%s: %d bytes were written by namespaces, %d in all", when, total.BytesWritten, want)
			}
			if want := int64(r.metric("rotations_total")); total.Rotations != want || want == 0 {
				t.Errorf("%s: %d rotations by namespaces, %d in all", when, total.Rotations, want)
			}
			if want := r.onDisk(); *total.DiskBytes != want {
				t.Errorf("%s: namespaces have %d bytes on disk, there are %d", when, *total.DiskBytes, want)
			}
			if v, err := r.View(t.Context()); err != nil || v.Disk.Logs == nil || *v.Disk.Logs != r.onDisk() {
				t.Errorf("%s: the view has %v bytes on disk, there are %d: %v", when, v.Disk.Logs, r.onDisk(), err)
			}
		}
		web, job := r.runIn("shop", "web"), r.runIn("batch", "job")
		for _, c := range []*runtimetest.Container{web, job} {
			r.print(c, 300*kib, 3*time.Second)
		}
		r.pass(2 * time.Minute)
		check("with two pods")
		r.evict(job)
		r.pass(2 * time.Minute)
		check("with what one has left")
		sums, err := r.Sums(t.Context())
		r.must(err)
		if len(sums.Namespaces) != 2 || sums.Namespaces[0].Namespace != "batch" || sums.Namespaces[0].DiskBytes == nil {
			t.Errorf("got %+v, want batch and shop", sums.Namespaces)
		}
		if len(sums.Containers) != 1 || sums.Containers[0].Container != "web" || sums.Containers[0].PackedFrom <= sums.Containers[0].PackedTo {
			t.Errorf("got %+v, want the one that is left", sums.Containers)
		}
	})
}

// An attempt that kubelet has removed while its pod goes on is in keepDir alone, and still the
// container's: it counts once.
func TestKeptAttemptCountsOnce(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.keeping(-1, time.Hour)
		r.policy.Compression = logfile.Plain
		r.start()
		c := r.run("app")
		r.must(c.Print("stdout", 500, 1000))
		r.pass(5 * time.Second)
		r.exit(c)
		again := r.facts("app")
		again.ID, again.Attempt, again.LogPath = "idagain", 1, "app/1.log"
		next := r.behind(again)
		r.Created(again)
		r.Started(again.ID, false)
		r.must(next.Print("stdout", 500, 1000))
		r.pass(5 * time.Second)
		r.must(os.Remove(c.Path()))
		r.remove(c)
		r.pass(3 * time.Minute)
		v, err := r.View(t.Context())
		r.must(err)
		if v.Disk.Kept == nil || *v.Disk.Kept == 0 {
			t.Fatalf("nothing is kept: %+v", v.Disk)
		}
		most := r.onDisk() + *v.Disk.Kept/2 // a file system may round the size of a file that is new
		if v.Disk.Logs == nil || *v.Disk.Logs > most || *r.total().DiskBytes > most {
			t.Errorf("the view has %d bytes on disk, namespaces %d; there are %d", *v.Disk.Logs, *r.total().DiskBytes, r.onDisk())
		}
	})
}

// Of a runtime that keeps the output in files of its own those of earlier attempts take space, too: a
// container that crashes again and again would not be seen to fill the disk.
func TestSumsOfAllAttemptsElsewhere(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		runtime := redirecting(r)
		r.start()
		root, want := t.TempDir(), int64(0)
		for attempt := range uint32(2) {
			facts := r.facts("app")
			facts.ID, facts.Attempt, facts.LogPath = fmt.Sprint("id", attempt), attempt, fmt.Sprintf("app/%d.log", attempt)
			to := r.jsonFile(root, facts.ID)
			c := r.elsewhere(runtime, facts, to)
			r.Created(facts)
			r.Started(facts.ID, false)
			r.pass(5 * time.Second)
			r.must(c.Print("stdout", 100, 1000))
			r.pass(12 * time.Second)
			r.exit(c)
			want += diskOf(t, to.Path)
		}
		v, err := r.View(t.Context())
		r.must(err)
		if len(v.Logs) != 1 || *v.Logs[0].DiskBytes != want || *v.Disk.Logs != want || *r.total().DiskBytes != want {
			t.Errorf("namespaces have %d bytes on disk, there are %d; the view is %+v", *r.total().DiskBytes, want, v)
		}
	})
}

// A node with ever so many namespaces and containers has a bounded number of sums, in which no byte
// is missing.
func TestSumsAreBounded(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.options.ContainerSums = true
		r.start()
		const namespaces, written = 120, 100
		for n := range namespaces {
			r.must(r.runIn(fmt.Sprint("team-", n), fmt.Sprint("app", n)).Print("stdout", 1, written))
		}
		r.pass(5 * time.Second)
		sums, err := r.Sums(t.Context())
		r.must(err)
		if got := len(sums.Namespaces); got != 101 || sums.Namespaces[got-1].Namespace != "_other" || sums.Namespaces[got-1].BytesWritten == 0 {
			t.Errorf("%d namespaces have sums: %+v", got, sums.Namespaces[got-1])
		}
		if got := len(sums.Containers); got != namespaces {
			t.Errorf("%d containers have sums", got)
		}
		if got, want := r.total().BytesWritten, int64(r.metric("written_bytes_total")); got != want {
			t.Errorf("%d bytes were written by namespaces, %d in all", got, want)
		}
	})
}
