package disk_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/logreader"
)

// What a runtime still writes to the log of a pod that was removed is read before the end.
func TestEndIsWaitedFor(t *testing.T) {
	n := newNode(t)
	kept := n.write(n.kept+"/"+dirOf(web())+"/0.log", n.lines(10))
	f, err := os.OpenFile(kept, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	o := options()
	o.Follow = true
	idle := 0
	o.Idle = func() error {
		if idle++; idle != 2 { // by then it has looked whether there is more, and what there is
			return nil
		}
		_, err := f.WriteString(n.lines(5))
		if err != nil {
			return err
		}
		return f.Close()
	}
	n.expect(n.read(o), 0, 15)
}

// A pod whose container has ended is followed until it is removed: there may be another attempt.
func TestFollowBetweenAttempts(t *testing.T) {
	n := newNode(t)
	live := n.pods + "/" + dirOf(web())
	n.write(live+"/0.log", n.lines(10))
	o := options()
	o.Follow = true
	idle := 0
	o.Idle = func() error {
		switch idle++; idle {
		case 3:
			n.write(live+"/1.log", n.lines(10))
		case 6:
			return os.RemoveAll(live)
		}
		return nil
	}
	n.expect(n.read(o), 0, 20)
}

// A rotated file that somebody keeps open for writing, and does not write to, holds nobody up for ever.
func TestFileHeldOpen(t *testing.T) {
	n := newNode(t)
	live := n.pods + "/" + dirOf(web())
	f, err := os.OpenFile(n.rotated(live+"/0.log", "", 10), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	n.write(live+"/0.log", n.lines(10))
	n.expect(n.read(options()), 0, 20)
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

// An attempt that another has followed will have no more lines, so following it ends; what is passed
// over meanwhile is told of once.
func TestFollowEndedAttempt(t *testing.T) {
	n := newNode(t)
	live := n.pods + "/" + dirOf(web())
	for _, attempt := range []string{"0", "1"} {
		n.write(live+"/"+attempt+".log", n.lines(10))
	}
	n.write(live+"/0.log.old", "x\n")
	o := options()
	o.Follow, o.Attempt = true, new(uint32)
	n.expect(n.read(o), 0, 10)
	if len(n.warned) != 1 {
		t.Errorf("%d warnings, want one: %v", len(n.warned), n.warned)
	}
}

// Lines of one time come in the order of their containers, so that no two readings differ.
func TestMergedAtOneTime(t *testing.T) {
	n := newNode(t)
	var all []logreader.Container
	begin := n.clock
	for _, name := range []string{"a", "b", "c"} {
		c := web()
		c.Name = name
		all = append(all, c)
		n.clock = begin
		n.write(filepath.Join(n.pods, dirOf(c), "0.log"), n.lines(1))
	}
	n.expect(n.read(options(), all...), 0, 3)
}

// A line whose end comes after the wanted time is shown as far as it has come by then.
func TestUntilWithinALine(t *testing.T) {
	n := newNode(t)
	stamp := func(after time.Duration) string { return n.clock.Add(after).Format(time.RFC3339Nano) }
	n.write(n.pods+"/"+dirOf(web())+"/0.log",
		stamp(0)+" stderr P begun\n"+stamp(time.Second)+" stdout F 1\n"+stamp(time.Hour)+" stdout F 2\n"+stamp(time.Hour)+" stderr F ended\n")
	o := options()
	o.Until = n.clock.Add(time.Minute)
	if got := n.read(o); len(got) != 2 || got[0] != "1" || got[1] != "begun" || len(n.warned) > 0 {
		t.Errorf("%q and %v, want the line and the beginning of the other", got, n.warned)
	}
}
