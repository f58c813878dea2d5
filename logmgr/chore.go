package logmgr

import "time"

// chore is work on a history that is done again and again, by one goroutine at a
// time. It belongs to the registry.
type chore struct {
	of    *history
	begin func(*registry, *history) // starts the work, whose end is told to registry.done
	busy  bool
	over  bool      // it is not to be begun again
	at    time.Time // when it is to be begun next; zero: not planned
	timer *time.Timer
	wait  time.Duration // after a failure
}

// want sees to it that the chore is begun in d, or earlier if that is planned
// already. What is wanted while it is being done is done once more afterwards.
func (r *registry) want(c *chore, d time.Duration) {
	at := time.Now().Add(d)
	if c.over || !c.at.IsZero() && !at.Before(c.at) {
		return
	}
	c.at = at
	if c.busy {
		return // done looks at it
	}
	stop(c.timer)
	if d <= 0 {
		r.beginChore(c)
		return
	}
	c.timer = r.after(d, func(r *registry) { r.beginChore(c) })
}

func (r *registry) beginChore(c *chore) {
	if c.busy || c.over {
		return
	}
	c.busy, c.at = true, time.Time{}
	c.begin(r, c.of)
}

// done follows when a chore has ended; next is when there is more to do, 0: not
// before somebody wants it.
func (r *registry) done(c *chore, next time.Duration, failed bool) {
	c.busy = false
	wanted := c.at
	c.at = time.Time{}
	if failed {
		c.wait = longer(c.wait)
		next = c.wait
	} else {
		c.wait = 0
	}
	if next > 0 {
		r.want(c, next)
	}
	if !wanted.IsZero() {
		r.want(c, time.Until(wanted))
	}
}

// end keeps a chore from being begun again; work under way goes on.
func (c *chore) end() {
	stop(c.timer)
	c.over = true
}
