package kept

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// jumping is a clock that is wrong by jump, and of which time has passed.
type jumping struct {
	right        time.Time
	jump, passed time.Duration
}

func (j *jumping) now() time.Time { return j.right.Add(j.jump + j.passed) }

func (j *jumping) since() time.Duration { return j.passed }

// A clock jumps once, before a file is changed or after it. The file is never older than
// the time that has passed since then, and younger by the jump at most; it is as old as
// that if the clock was set forward after it.
func TestAgesUnderAClockThatJumps(t *testing.T) {
	t.Parallel()
	const hour, year = time.Hour, 365 * 24 * time.Hour
	for _, jump := range []time.Duration{-year, -hour, -time.Second, 0, time.Second, hour, year} {
		for _, after := range []bool{false, true} {
			j := &jumping{right: time.Unix(1_700_000_000, 0)}
			c := newClock(j.now, j.since)
			j.passed += time.Minute
			if !after {
				j.jump = jump
			}
			j.passed += time.Minute
			changed := j.now()
			j.passed += time.Minute
			if after {
				j.jump = jump
			}
			j.passed += time.Minute
			most := 2 * time.Minute
			least := most - jump.Abs()
			if after && jump >= 0 {
				least = most
			}
			if age := c.at(changed).Sub(changed); age < least || age > most {
				t.Errorf("a jump of %v, after the change: %t: the file is %v old, want %v to %v", jump, after, age, least, most)
			}
		}
	}
}

// A clock that is set forward by a year makes no kept file expire, but its term does.
func TestAClockSetForwardExpiresNothing(t *testing.T) {
	b := newBed(t, t.TempDir())
	b.write("0.log", "one")
	b.mirror()
	b.must(os.RemoveAll(filepath.Dir(b.live(""))))
	b.jump = 365 * 24 * time.Hour
	if swept := b.sweep(); len(swept.Expired) != 0 || len(swept.Only) != 1 {
		t.Errorf("after a jump of a year: %+v", swept)
	}
	b.ahead = b.term.Keep + time.Minute
	if swept := b.sweep(); len(swept.Expired) != 1 {
		t.Errorf("after the term: %+v", swept)
	}
}
