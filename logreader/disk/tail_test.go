package disk_test

import (
	"strings"
	"testing"
	"time"
)

// The last words of a removed attempt come last, though a clock that was set back has them written
// before the rotation that they follow.
func TestKeptAfterTheClockWasSetBack(t *testing.T) {
	n := newNode(t)
	kept := n.kept + "/" + dirOf(web())
	n.rotated(kept+"/0.log", ".gz", 10)
	n.rotated(kept+"/0.log", "", 10)
	n.clock = n.clock.Add(-time.Hour)
	n.write(kept+"/0.log", n.lines(10))
	n.clock = n.clock.Add(2 * time.Hour)
	n.write(n.pods+"/"+dirOf(web())+"/1.log", n.lines(10))
	n.expect(n.read(options()), 0, n.written)
	o := options()
	o.Tail = 15
	n.expect(n.read(o), n.written-15, n.written)
}

// Of an attempt that still has files in podLogsDir, what keepDir has under the current name may have
// been rotated since, and then comes before what was.
func TestKeptUnderItsFormerName(t *testing.T) {
	n := newNode(t)
	n.write(n.kept+"/"+dirOf(web())+"/0.log", n.lines(10))
	n.rotated(n.pods+"/"+dirOf(web())+"/0.log", "", 10)
	n.write(n.pods+"/"+dirOf(web())+"/0.log", n.lines(10))
	n.expect(n.read(options()), 0, n.written)
}

// A line that comes in several pieces counts once among those that are passed over.
func TestTailBehindALongLine(t *testing.T) {
	n := newNode(t)
	first := n.lines(1)
	long := strings.TrimSuffix(n.lines(1), "\n") + strings.Repeat(" ", 3<<20) + "\n"
	n.write(n.pods+"/"+dirOf(web())+"/0.log."+n.stamp()+".gz", first+long+n.lines(3))
	n.write(n.pods+"/"+dirOf(web())+"/0.log", n.lines(3))
	o := options()
	o.Tail = 5
	n.expect(n.read(o), n.written-5, n.written)
}

// Lines that a clock which was set back has put before the wanted time do not hide those before them.
func TestTailSinceAClockWasSetBack(t *testing.T) {
	n := newNode(t)
	since := n.clock
	text := n.lines(5)
	n.clock = since.Add(-10 * time.Second)
	late := n.lines(5)
	n.clock = since.Add(5 * time.Second)
	n.write(n.pods+"/"+dirOf(web())+"/0.log", text+late+n.lines(5))
	o := options()
	o.Since, o.Tail = since, 8
	if got, want := strings.Join(n.read(o), " "), "2 3 4 10 11 12 13 14"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// A hole, such as the crash of a node leaves, is no end of a compressed file, nor a line of it.
func TestTailAcrossAHole(t *testing.T) {
	n := newNode(t)
	hole := strings.Repeat("\x00", 3<<20)
	n.write(n.pods+"/"+dirOf(web())+"/0.log."+n.stamp()+".gz", n.lines(5)+hole+n.lines(5))
	n.write(n.pods+"/"+dirOf(web())+"/0.log", n.lines(2))
	for _, tail := range []int64{3, 7, 8, 11} {
		o := options()
		o.Tail = tail
		n.expect(n.read(o), n.written-int(tail), n.written)
	}
}
