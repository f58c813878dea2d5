package logmgr_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
	"github.com/cri-logshim/cri-logshim/logmgr/runtimetest"
)

// rotate writes just enough for n rotations.
func (r *rig) rotate(c *runtimetest.Container, n int) {
	r.Helper()
	for range n {
		before := c.Reopens()
		for i := 0; c.Reopens() == before; i++ {
			if i == 1000 {
				r.Fatal("the log is not rotated")
			}
			r.must(c.Print("stdout", 20, 1000))
			r.pass(5 * time.Millisecond)
		}
	}
	r.pass(50 * time.Millisecond)
}

func TestMaxFiles(t *testing.T) {
	for _, maxFiles := range []int{2, 3, 5} {
		t.Run(fmt.Sprint(maxFiles), func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.policy = policyOf(100*kib, maxFiles, logfile.Plain, 0)
				r.start()
				c := r.run("app")
				for i := range 10 {
					r.rotate(c, 1)
					if got, want := len(names(t, c.Path())), min(i+2, maxFiles); got != want {
						t.Errorf("after %d rotations there are %d files, want %d", i+1, got, want)
					}
				}
				r.newestLines(c)
				if got := r.metric("files_removed_total"); got != float64(11-maxFiles) {
					t.Errorf("%v removals are counted", got)
				}
			})
		})
	}
}

// newestLines makes sure that what is there is the end of what was written,
// without a gap.
func (r *rig) newestLines(c *runtimetest.Container) {
	r.Helper()
	streams, err := runtimetest.Read(r.dir, c.Path())
	r.must(err)
	for stream, n := range c.Written() {
		if s := streams[stream]; s == nil || s.Last != n {
			r.Errorf("%s: found %+v, %d were written", stream, s, n)
		}
	}
}

// TestTooManyFilesAtStart: what an earlier policy has kept is removed, the oldest
// first.
func TestTooManyFilesAtStart(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		c := r.behind(r.facts("app"))
		for i := range 9 {
			r.must(c.Print("stdout", 10, 100))
			r.must(os.Rename(c.Path(), fmt.Sprintf("%s.20200101-00000%d.000000000", c.Path(), i)))
			r.must(r.fake.ReopenLog(r.Context(), c.ID()))
		}
		r.policy.MaxFiles = 4
		r.start()
		r.pass(time.Second)
		want := []string{"0.log", "0.log.20200101-000006.000000000", "0.log.20200101-000007.000000000", "0.log.20200101-000008.000000000"}
		if got := names(t, c.Path()); !slices.Equal(got, want) {
			t.Errorf("files: %q, want %q", got, want)
		}
		r.newestLines(c)
	})
}

// TestAPairIsOneFile: a file of which a crash or a full disk has left two forms
// counts once, so neither is removed before it is known which one is whole.
func TestAPairIsOneFile(t *testing.T) {
	for _, compression := range []logfile.Compression{logfile.Plain, logfile.Gzip} {
		t.Run(string(compression), func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				c := r.behind(r.facts("app"))
				for i := range 3 {
					r.must(c.Print("stdout", 10, 100))
					name := fmt.Sprintf("%s.20200101-00000%d.000000000", c.Path(), i)
					r.must(os.Rename(c.Path(), name))
					r.must(r.fake.ReopenLog(r.Context(), c.ID()))
					if i == 0 {
						r.gzipped(name, name+".gz", 10)
					}
				}
				r.policy = policyOf(mib, 4, compression, time.Hour)
				r.start()
				r.pass(time.Minute)
				r.verify(c)
				if got := names(t, c.Path()); len(got) != 4 {
					t.Errorf("files: %q", got)
				}
			})
		})
	}
}

// TestHeldFilesStay: what somebody still writes is neither compressed nor
// removed, and both are made up for afterwards.
func TestHeldFilesStay(t *testing.T) {
	for _, maxFiles := range []int{3, 100} {
		t.Run(fmt.Sprint(maxFiles), func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.policy = policyOf(100*kib, maxFiles, logfile.Gzip, 0)
				r.start()
				c := r.run("app")
				r.rotate(c, 1)
				oldest := filepath.Join(filepath.Dir(c.Path()), rotated(t, c.Path())[0])
				held, err := os.OpenFile(oldest, os.O_WRONLY|os.O_APPEND, 0)
				r.must(err)
				r.rotate(c, 5)
				r.pass(time.Minute)
				r.verify(c)
				if !exists(oldest) {
					t.Error("a file that is still written has gone")
				}
				r.must(held.Close())
				r.pass(2 * time.Minute)
				if exists(oldest) {
					t.Error("the file is as it was long after its release")
				}
				if maxFiles > 10 {
					r.verify(c)
				} else if got := names(t, c.Path()); len(got) != maxFiles {
					t.Errorf("files: %q", got)
				}
			})
		})
	}
}

func TestCompression(t *testing.T) {
	for compression, suffix := range map[logfile.Compression]string{logfile.Plain: "", logfile.Gzip: ".gz", logfile.Zstd: ".zst"} {
		for _, after := range []time.Duration{0, time.Second, 5 * time.Minute} {
			t.Run(fmt.Sprint(compression, " after ", after), func(t *testing.T) {
				bubble(t, func(t *testing.T, r *rig) {
					r.policy = policyOf(100*kib, 100, compression, after)
					r.start()
					c := r.run("app")
					r.rotate(c, 4)
					r.pass(after / 2)
					if got := plain(t, c); after > time.Second && len(got) != 4 {
						t.Errorf("only %q are plain before their time", got)
					}
					r.pass(after/2 + 30*time.Second)
					want := 1 // the newest
					if compression == logfile.Plain {
						want = 4
					}
					got := plain(t, c)
					all := rotated(t, c.Path())
					if len(all) != 4 || len(got) != want || got[len(got)-1] != all[3] {
						t.Errorf("plain files %q of %q", got, all)
					}
					for _, name := range all[:3] {
						if !strings.HasSuffix(name, suffix) {
							t.Errorf("%q is no file of compression %q", name, compression)
						}
					}
					r.verify(c)
				})
			})
		}
	}
}

// plain are the rotated files that are not compressed.
func plain(t *testing.T, c *runtimetest.Container) []string {
	t.Helper()
	return slices.DeleteFunc(rotated(t, c.Path()), func(name string) bool {
		return strings.HasSuffix(name, ".gz") || strings.HasSuffix(name, ".zst")
	})
}

// TestEveryFileIsCompressedInTheEnd: also those that are rotated while others are
// being compressed, after which the log falls silent.
func TestEveryFileIsCompressedInTheEnd(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.policy = policyOf(100*kib, 100, logfile.Gzip, 0)
		r.start()
		var all []*runtimetest.Container
		for i := range 4 {
			all = append(all, r.run(fmt.Sprint("app", i)))
		}
		for range 10 {
			for _, c := range all {
				r.must(c.Print("stdout", 110, 1000))
			}
			time.Sleep(3 * time.Millisecond)
		}
		r.pass(2 * time.Minute)
		for _, c := range all {
			if got := plain(t, c); len(rotated(t, c.Path())) > 1 && len(got) != 1 {
				t.Errorf("%q of %q are still plain", got, rotated(t, c.Path()))
			}
			r.verify(c)
		}
	})
}

// TestCompressionFails: a directory of the compressed name's makes every attempt
// fail; the source stays, rotation goes on.
func TestCompressionFails(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.policy = policyOf(100*kib, 100, logfile.Gzip, 5*time.Second)
		r.start()
		c := r.run("app")
		r.rotate(c, 1)
		first := filepath.Join(filepath.Dir(c.Path()), rotated(t, c.Path())[0])
		r.must(os.MkdirAll(filepath.Join(first+".gz.tmp", "in the way"), 0o700))
		r.rotate(c, 4)
		r.pass(10 * time.Minute)
		if !exists(first) {
			t.Error("the source has gone")
		}
		if got := r.metric("failures_total", "compress"); got < 2 || got > 20 {
			t.Errorf("%v failures are counted in ten minutes", got)
		}
		r.rotate(c, 2)
		r.must(os.RemoveAll(first + ".gz.tmp"))
		r.pass(2 * time.Minute)
		if got := plain(t, c); len(got) != 1 {
			t.Errorf("%q are plain in the end", got)
		}
		r.verify(c)
	})
}
