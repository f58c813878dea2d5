package logmgr

// lead has elsewhere find out where a container's output is, whose start has returned if
// told, and settles again to which of the containers the log's path belongs.
func (r *registry) lead(c *container, told bool) {
	if c.log == nil || r.elsewhere.runtime == nil {
		return
	}
	c.led = true
	if l := c.log; l.containers > 1 {
		r.own(l)
	} else if l.owner.Swap(&c.where) != &c.where {
		r.place(l, c.where.away())
	}
	r.elsewhere.follow(c, told)
}

// own settles to which of the containers that name it a log's path belongs: to the one
// that runs, or else to the latest that was started. Where all agree on one file, that
// makes no difference; in Docker each has its own, and one link cannot lead to two.
func (r *registry) own(l *containerLog) {
	if r.elsewhere.runtime == nil {
		return
	}
	owner := r.ownerOf(l)
	if owner == nil {
		return
	}
	changed := l.owner.Swap(&owner.where) != &owner.where
	r.place(l, owner.where.away())
	if changed {
		r.elsewhere.follow(owner, false) // it is to make the link its own
	}
}

// ownerOf is nil as long as none of a log's containers was started.
func (r *registry) ownerOf(l *containerLog) (owner *container) {
	if l.live != nil {
		return l.live
	}
	for _, c := range r.containers {
		if c.log == l && c.led && (owner == nil || c.owns(owner)) {
			owner = c
		}
	}
	return owner
}

// owns tells whether a path belongs to a container rather than to another one. Of two
// attempts that have ended and bear one number, it is the one that was told of last.
func (c *container) owns(other *container) bool {
	if later, earlier := c.supersedes(other), other.supersedes(c); later != earlier {
		return later
	}
	if order := c.changed.Compare(other.changed); order != 0 {
		return order > 0
	}
	return c.ID > other.ID // whichever: the link must not change all the time
}

// ledElsewhere follows when a container's output turns out not to be at its log path.
func (r *registry) ledElsewhere(id string) {
	if c := r.containers[id]; c != nil && c.log != nil && c.log.owner.Load() == &c.where {
		r.place(c.log, true)
	}
}

// ledHome follows when a container's output turns out to be at its log path, for which
// somebody has waited.
func (r *registry) ledHome(id string) {
	c := r.containers[id]
	if c == nil || c.log == nil || c.log.owner.Load() != &c.where {
		return
	}
	l := c.log
	r.place(l, false)
	switch {
	case l.live != nil:
		r.wake(l)
	case l.awake:
		l.again = true // it is just being let go of
	default:
		r.settle(l)
	}
}

// place takes in whether a log's output is elsewhere: nobody tends the log then. One whose
// output is back at its path is woken by whoever has become its owner.
func (r *registry) place(l *containerLog, elsewhere bool) {
	if l.elsewhere == elsewhere {
		return
	}
	l.elsewhere = elsewhere
	if elsewhere {
		r.away++
	} else {
		r.away--
	}
	r.countLogs()
	switch {
	case !elsewhere:
	case l.awake:
		l.cancel() // slept goes on
	default:
		r.settle(l)
	}
}

// countLogs shows how many logs are held to their policy: none while the runtime cannot
// reopen them, and not those of which the runtime does not say where they are.
func (r *registry) countLogs() {
	held := max(len(r.logs)-r.away-r.elsewhere.failed.unheld(), 0)
	if r.inability.known() {
		held = 0
	}
	r.metrics.manage(held)
}
