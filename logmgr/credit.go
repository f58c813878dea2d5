package logmgr

import "time"

// longestCredit is how long space of removed files is waited for.
const longestCredit = 30 * time.Second

// credit is what has been removed and is not yet free: a reader still has the file
// open, or the file system frees space later. It counts as free for a while, since
// otherwise everything would be removed for what has been achieved already.
type credit struct {
	outstanding int64
	free        int64 // when last looked
	until       time.Time
}

// look takes in how much is free now, and returns how much will be.
func (c *credit) look(free int64, now time.Time) int64 {
	c.outstanding -= max(free-c.free, 0)
	if c.outstanding < 0 || now.After(c.until) {
		c.outstanding = 0
	}
	c.free = free
	return free + c.outstanding
}

// give takes in what was removed since the last look, and how much is free now.
func (c *credit) give(removed, free int64, now time.Time) {
	if late := removed - max(free-c.free, 0); late > 0 {
		c.outstanding += late
		c.until = now.Add(longestCredit)
	}
	c.free = free
}
