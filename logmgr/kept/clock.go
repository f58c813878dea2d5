package kept

import "time"

// clock tells how old files are. They bear the time of day, which may jump: by years where
// a machine's clock was wrong until it was set. So what this process has seen pass counts
// beside it, and the lesser of both is believed.
type clock struct {
	now    func() time.Time
	passed func() time.Duration
	began  time.Time     // now, when passed was start
	start  time.Duration // of passed
}

func newClock(now func() time.Time, passed func() time.Duration) clock {
	return clock{now: now, passed: passed, began: now().Round(0), start: passed()} // Round: the time of day only
}

// at is the time of day for judging the age of a file that was changed at some time. A
// file of before a jump forward is as old as if there had been none: a change that lies in
// the future without the jump is one of after it, for which the clock goes. Any other file
// is as old as the clock says, or lives on for as long as the jump was wide.
//
// That holds for one jump. What was before this process is not known: a file of before a
// jump before it is as old as the clock says.
func (c clock) at(changed time.Time) time.Time {
	wall, steady := c.now(), c.began.Add(c.passed()-c.start)
	if wall.Before(steady) || changed.After(steady) {
		return wall
	}
	return steady
}
