package logmgr_test

import (
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
	"github.com/cri-logshim/cri-logshim/logmgr/runtimetest"
)

const aside = ".20200101-000000.000000000"

// gzipped writes a compressed copy, of cut bytes only if that is not 0.
func (r *rig) gzipped(source, target string, cut int) {
	r.Helper()
	content, err := os.ReadFile(source)
	r.must(err)
	out, err := os.Create(target)
	r.must(err)
	z := gzip.NewWriter(out)
	_, err = z.Write(content)
	r.must(err)
	r.must(z.Close())
	if cut > 0 {
		r.must(out.Truncate(int64(cut)))
	}
	r.must(out.Close())
}

// crashes are what a crash may leave of a log that had some lines. A rotated file
// exists before, so that the newest is not the only one.
func crashes(r *rig) map[string]func(c *runtimetest.Container) {
	move := func(c *runtimetest.Container) { r.must(os.Rename(c.Path(), c.Path()+aside)) }
	older := func(c *runtimetest.Container) string { return c.Path() + ".20190101-000000.000000000" }
	return map[string]func(*runtimetest.Container){
		"nothing at all":                func(*runtimetest.Container) {},
		"renamed, not reopened":         move,
		"renamed, reopened, not noted":  func(c *runtimetest.Container) { move(c); r.must(r.fake.ReopenLog(r.Context(), c.ID())) },
		"unfinished compression":        func(c *runtimetest.Container) { r.gzipped(older(c), older(c)+".gz.tmp", 20) },
		"compressed, source still here": func(c *runtimetest.Container) { r.gzipped(older(c), older(c)+".gz", 0) },
		"cut by a full disk":            func(c *runtimetest.Container) { r.gzipped(older(c), older(c)+".gz", 10) },
		"renamed and unfinished": func(c *runtimetest.Container) {
			move(c)
			r.gzipped(older(c), older(c)+".gz.tmp", 20)
		},
		"renamed half by link and unlink": func(c *runtimetest.Container) { r.must(os.Link(c.Path(), c.Path()+aside)) },
	}
}

// rotatedOnce is a container behind our back whose log has two files.
func (r *rig) rotatedOnce() *runtimetest.Container {
	r.Helper()
	c := r.behind(r.facts("app"))
	r.must(c.Print("stdout", 50, 100))
	r.must(os.Rename(c.Path(), c.Path()+".20190101-000000.000000000"))
	r.must(r.fake.ReopenLog(r.Context(), c.ID()))
	r.must(c.Print("stdout", 50, 100))
	return c
}

func TestCrashIsHealed(t *testing.T) {
	for name := range crashes(nil) {
		for _, compression := range []logfile.Compression{logfile.Plain, logfile.Gzip} {
			t.Run(fmt.Sprint(name, ", compression ", compression), func(t *testing.T) {
				bubble(t, func(t *testing.T, r *rig) {
					r.policy.Compression = compression
					c := r.rotatedOnce()
					crashes(r)[name](c)
					r.start()
					r.pass(900 * time.Millisecond)
					early := c.Reopens()
					r.print(c, 100e3, 20*time.Second)
					r.pass(5 * time.Second)
					r.verify(c)
					r.inPlace(c)
					if strings.HasPrefix(name, "renamed, not") && early > 1 {
						t.Error("reopened before a second had passed")
					}
					for _, n := range names(t, c.Path()) {
						if strings.HasSuffix(n, ".tmp") {
							t.Errorf("%q is left", n)
						}
					}
				})
			})
		}
	}
}

// TestCrashOfExited: the log that a rotation has moved away is put back, and
// nothing else is touched.
func TestCrashOfExited(t *testing.T) {
	for name := range crashes(nil) {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				c := r.rotatedOnce()
				crashes(r)[name](c)
				reopens := len(c.Asked())
				r.must(c.Exit())
				r.start()
				r.pass(time.Minute)
				if !strings.Contains(name, "half") { // one file of two names is read by nobody
					r.verify(c)
				}
				if info, err := os.Stat(c.Path()); err != nil || info.Size() == 0 && !strings.Contains(name, "not noted") {
					t.Errorf("the current log: %v, %v", info, err)
				}
				if len(c.Asked()) > reopens {
					t.Error("the log of an exited container was reopened")
				}
			})
		})
	}
}

// TestNothingToPutBack: without a plain rotated file an exited container's
// missing log stays missing.
func TestNothingToPutBack(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		c := r.behind(r.facts("app"))
		r.must(c.Print("stdout", 50, 100))
		r.must(c.Exit())
		r.gzipped(c.Path(), c.Path()+aside+".gz", 0)
		r.must(os.Remove(c.Path()))
		r.start()
		r.pass(time.Minute)
		if got := names(t, c.Path()); len(got) != 1 || got[0] != "0.log"+aside+".gz" {
			t.Errorf("files: %q", got)
		}
	})
}

// TestStoppedInEveryStep ends the manager in the middle of rotations and begins a
// new one on what is left, again and again.
func TestStoppedInEveryStep(t *testing.T) {
	for _, style := range []runtimetest.Style{runtimetest.Containerd, runtimetest.Conmon} {
		for name, fault := range map[string]runtimetest.Fault{
			"before the swap": {},
			"after the swap":  {Swap: true},
			"in a hang":       {Wait: make(chan struct{})},
		} {
			t.Run(fmt.Sprint(name, ", style ", style), func(t *testing.T) {
				bubble(t, func(t *testing.T, r *rig) {
					if fault.Wait != nil {
						fault.Wait = make(chan struct{})
					}
					r.fake.Style = style
					r.start()
					c := r.run("app")
					for i := range 8 {
						stopping := make(chan struct{})
						fault := fault
						fault.Err = fmt.Errorf("the connection is gone")
						if i%2 == 0 {
							fault.Before = func() { close(stopping) }
						} else {
							fault.After = func() { close(stopping) }
						}
						if fault.Wait != nil {
							fault.Before, fault.After = func() { close(stopping) }, nil
						}
						c.Script(fault)
						for running := true; running; time.Sleep(10 * time.Millisecond) {
							r.must(c.Print("stdout", 10, 1000))
							select {
							case <-stopping:
								running = false
							default:
							}
						}
						began := time.Now()
						r.stop()
						if took := time.Since(began); took > time.Second {
							t.Errorf("Run ended after %v", took)
						}
						r.must(c.Print("stdout", 10, 1000))
						r.start()
						r.print(c, 100e3, time.Duration(i)*700*time.Millisecond)
					}
					r.pass(5 * time.Second)
					r.print(c, 1e6, 3*time.Second)
					r.verify(c)
					r.inPlace(c)
				})
			})
		}
	}
}

// TestStoppedAtAnyTime ends the manager at moments that have nothing to do with
// its steps, while files are compressed and removed too.
func TestStoppedAtAnyTime(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.policy.Compression = logfile.Gzip
		r.policy.CompressAfter = 50 * time.Millisecond
		r.policy.MaxSize = 200 * kib
		c := r.behind(r.facts("app"))
		for i := range 25 {
			r.start()
			r.print(c, 2e6, time.Duration(100+7*i)*time.Millisecond)
			time.Sleep(time.Duration(i*131) * time.Microsecond)
			r.stop()
			r.print(c, 2e6, time.Duration(i)*time.Millisecond)
		}
		r.start()
		r.pass(5 * time.Second)
		r.verify(c)
		r.inPlace(c)
		if got := strings.Join(names(t, c.Path()), " "); !strings.Contains(got, ".gz") || strings.Contains(got, ".tmp") {
			t.Errorf("files: %s", got)
		}
	})
}

// TestRunEndsAtOnce: with nothing under way Run takes no time at all.
func TestRunEndsAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.options.LegacyDir = r.legacy
		r.start()
		c := r.run("app")
		r.must(c.Print("stdout", 10, 1000))
		synctest.Wait()
		began := time.Now()
		r.stop()
		if took := time.Since(began); took > 0 {
			t.Errorf("Run ended after %v", took)
		}
		if got := names(t, c.Path()); len(got) != 1 || got[0] != filepath.Base(c.Path()) {
			t.Errorf("files: %q", got)
		}
	})
}

// TestRotationIsCompletedAtTheEnd: Run waits for a reopen that ends within its
// second.
func TestRotationIsCompletedAtTheEnd(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.fake.Latency = 900 * time.Millisecond
		r.start()
		c := r.run("app")
		began := make(chan struct{})
		c.Script(runtimetest.Fault{Swap: true, Before: func() { close(began) }})
		r.must(c.Print("stdout", 1100, 1000))
		<-began
		r.stop()
		if c.Reopens() != 1 {
			t.Errorf("%d reopens", c.Reopens())
		}
		r.inPlace(c)
		r.verify(c)
	})
}

// TestDoubtOutlivesARestart: the runtime has made the new log but hangs before it
// swaps, and we are restarted meanwhile. The old file is still written and must not
// grow for ever.
func TestDoubtOutlivesARestart(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		c := r.run("app")
		c.Script(runtimetest.Fault{MakeOnly: true, Wait: make(chan struct{})})
		r.must(c.Print("stdout", 1100, 1000))
		r.pass(100 * time.Millisecond)
		if !exists(c.Path()) || c.Reopens() > 0 {
			t.Fatal("no new log beside the old one that is written")
		}
		r.stop()
		r.start()
		r.pass(3 * time.Second)
		r.print(c, 100e3, 40*time.Second)
		if got := c.Reopens(); got < 3 {
			t.Errorf("%d reopens after the restart", got)
		}
		r.verify(c)
		r.inPlace(c)
		r.pass(time.Hour)
		if r.bell.Armed() != 1 {
			t.Error("the log does not sleep afterwards")
		}
	})
}
