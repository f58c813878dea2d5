package logmgr_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/cri-logshim/cri-logshim/logmgr/runtimetest"
)

// ask is the way of a call of another rotator through us to the runtime. It tells
// whether we answered by ourselves.
func (r *rig) ask(c *runtimetest.Container) (answered bool) {
	r.Helper()
	answered, done := r.BeginReopen(r.Context(), c.ID())
	if !answered {
		done(r.fake.ReopenLog(r.Context(), c.ID()))
	}
	return answered
}

// kubeletRotates is one rotation by kubelet: rename, then a call through us.
func (r *rig) kubeletRotates(c *runtimetest.Container) (answered bool) {
	r.Helper()
	name := c.Path() + "." + r.options.Now().Local().Format("20060102-150405")
	r.must(r.bell.Change(c.Path(), func() error { return os.Rename(c.Path(), name) }))
	return r.ask(c)
}

func TestKubeletRotatesBeforeAndAfterOurs(t *testing.T) {
	for _, style := range []runtimetest.Style{runtimetest.Containerd, runtimetest.Conmon} {
		t.Run(fmt.Sprint(style), func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.fake.Style = style
				r.start()
				c := r.run("app")
				for i := range 10 {
					// kubelet's names have whole seconds: in the same one it overwrites.
					r.print(c, 1e6, time.Second+time.Duration(300*i)*time.Millisecond)
					ours := c.Reopens()
					if r.kubeletRotates(c) {
						t.Error("kubelet was not given its reopen")
					}
					if c.Reopens() != ours+1 {
						t.Errorf("%d reopens for one of kubelet's", c.Reopens()-ours)
					}
				}
				r.print(c, 1e6, 3*time.Second)
				r.inPlace(c)
				r.linesOnceEach(c)
				if got := r.metric("foreign_reopens_total"); got != 10 {
					t.Errorf("%v foreign reopens are counted", got)
				}
				if got := r.said("somebody else rotates this log too"); got != 1 {
					t.Errorf("said %d times that somebody else rotates", got)
				}
				for _, e := range r.journal.AllEntries() {
					if err, ok := e.Data[logrus.ErrorKey]; ok {
						t.Errorf("%s: error %v, though all went well", e.Message, err)
					}
				}
			})
		})
	}
}

// TestKubeletComesIntoOurs: kubelet finds no log, since we have just renamed it,
// and has it reopened. That second reopen must not happen.
func TestKubeletComesIntoOurs(t *testing.T) {
	for _, style := range []runtimetest.Style{runtimetest.Containerd, runtimetest.Conmon} {
		t.Run(fmt.Sprint(style), func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.fake.Style = style
				r.fake.Latency = 20 * time.Millisecond
				r.start()
				c := r.run("app")
				answers := make(chan bool)
				c.Script(runtimetest.Fault{Swap: true, Before: func() {
					if exists(c.Path()) {
						t.Error("the log is there in the middle of a rotation")
					}
					go func() { answers <- r.ask(c) }()
				}})
				r.print(c, 10e6, 500*time.Millisecond)
				if !<-answers {
					t.Error("a second reopen went through")
				}
				r.pass(time.Second)
				r.verify(c)
				r.inPlace(c)
			})
		})
	}
}

// TestKubeletComesAfterOurs: kubelet has found the log missing in the middle of our
// rotation, but its call arrives when that is over. The log is the runtime's already,
// and lines are in it.
func TestKubeletComesAfterOurs(t *testing.T) {
	for _, style := range []runtimetest.Style{runtimetest.Containerd, runtimetest.Conmon} {
		for _, late := range []time.Duration{0, time.Millisecond, time.Second, time.Hour} {
			t.Run(fmt.Sprint(style, late), func(t *testing.T) {
				bubble(t, func(t *testing.T, r *rig) {
					r.fake.Style = style
					r.start()
					c := r.run("app")
					r.must(c.Print("stdout", 1100, 1000))
					r.pass(100 * time.Millisecond)
					if got := c.Reopens(); got != 1 {
						t.Fatalf("%d rotations", got)
					}
					r.must(c.Print("stdout", 10, 1000))
					r.pass(late)
					for range 2 {
						if !r.ask(c) {
							t.Error("a second reopen went through")
						}
					}
					r.verify(c)
					// Its own rotation is another thing, and so is what comes after that.
					if r.kubeletRotates(c) {
						t.Error("kubelet was not given its reopen")
					}
					if r.ask(c) {
						t.Error("answered for a reopen that was not ours")
					}
				})
			})
		}
	}
}

// TestKubeletComesIntoOursThatFails: if ours did not go well, kubelet's is made.
func TestKubeletComesIntoOursThatFails(t *testing.T) {
	for name, fault := range map[string]runtimetest.Fault{
		"refused":      runtimetest.Refuse(),
		"request lost": runtimetest.LostRequest(),
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.start()
				c := r.run("app")
				answers := make(chan bool)
				fault.Before = func() { go func() { answers <- r.ask(c) }() }
				c.Script(fault)
				r.must(c.Print("stdout", 1100, 1000))
				if <-answers {
					t.Error("kubelet's reopen was lost")
				}
				r.print(c, 100e3, 12*time.Second)
				r.verify(c)
				r.inPlace(c)
			})
		})
	}
}

// TestForeignCallIsNotLost: ours has ended well after the call arrived, but
// somebody has renamed the new log already: then their reopen is needed.
func TestForeignCallIsNotLost(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		c := r.run("app")
		answers := make(chan bool)
		c.Script(runtimetest.Fault{
			Swap:   true,
			Before: func() { go func() { answers <- r.ask(c) }() },
			After:  func() { r.must(os.Rename(c.Path(), c.Path()+".20010101-000000")) },
		})
		r.must(c.Print("stdout", 1100, 1000))
		if <-answers {
			t.Error("answered although the log is missing")
		}
		r.inPlace(c)
		r.pass(10 * time.Second)
		if got := len(c.Asked()); got != 2 {
			t.Errorf("%d reopens, want ours and theirs", got)
		}
	})
}

// TestOursWaitsForTheirs: no rotation of ours begins while a foreign reopen is
// under way, however long that takes, and its caller may give up.
func TestOursWaitsForTheirs(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		c := r.run("app")
		r.must(c.Print("stdout", 1, 1000))
		answered, done := r.BeginReopen(r.Context(), c.ID())
		if answered {
			t.Fatal("answered although nothing was rotated")
		}
		short, cancel := context.WithTimeout(r.Context(), time.Second)
		defer cancel()
		if answered, done := r.BeginReopen(short, c.ID()); answered {
			t.Error("answered a caller whose time is over")
		} else {
			done(errors.New("too late"))
		}
		r.print(c, 1e6, 10*time.Second)
		if got := rotated(t, c.Path()); len(got) > 0 {
			t.Errorf("rotated %q meanwhile", got)
		}
		done(nil)
		r.pass(100 * time.Millisecond)
		if got := rotated(t, c.Path()); len(got) != 1 {
			t.Errorf("rotated %q afterwards", got)
		}
		r.verify(c)
	})
}

func TestBeginReopenOfUnknownContainer(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		answered, done := r.BeginReopen(r.Context(), "unknown")
		if done(nil); answered {
			t.Error("answered for a container that nobody knows")
		}
	})
}

// TestKubeletRotatesByItself: a rotator that does not come through us, at every
// moment of our own rotations.
func TestKubeletRotatesByItself(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.fake.Latency = time.Millisecond
		r.start()
		c := r.run("app")
		for i := range 60 {
			r.print(c, 10e6, time.Duration(31*i%113)*time.Millisecond)
			name := fmt.Sprintf("%s.20010101-0000%02d", c.Path(), i)
			if os.Rename(c.Path(), name) == nil {
				r.print(c, 10e6, time.Duration(i)*time.Millisecond)
				r.must(r.fake.ReopenLog(r.Context(), c.ID()))
			}
		}
		r.pass(3 * time.Second)
		r.inPlace(c)
		if c.Reopens() < 60 {
			t.Errorf("%d reopens", c.Reopens())
		}
		r.linesOnceEach(c)
	})
}

// TestMissingLogIsTheirs: somebody is late with a reopen of theirs. Ours, which the
// missing log has called for meanwhile, must not follow it: it would destroy.
func TestMissingLogIsTheirs(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.fake.Style = runtimetest.Conmon
		r.start()
		c := r.run("app")
		r.must(c.Print("stdout", 10, 1000))
		r.pass(100 * time.Millisecond)
		r.must(r.bell.Change(c.Path(), func() error { return os.Rename(c.Path(), c.Path()+aside) }))
		answered, done := r.BeginReopen(r.Context(), c.ID())
		if answered {
			t.Fatal("answered although nobody has reopened")
		}
		r.print(c, 10e3, 10*time.Second)
		err := r.fake.ReopenLog(r.Context(), c.ID())
		r.must(c.Print("stdout", 10, 1000))
		done(err)
		r.print(c, 10e3, 10*time.Second)
		if got := len(c.Asked()); got != 1 {
			t.Errorf("%d reopens, want only theirs", got)
		}
		r.verify(c)
		r.inPlace(c)
	})
}
