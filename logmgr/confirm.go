package logmgr

// confirm takes in what the runtime has as a container's pod's labels and annotations.
// The call that makes a container has those of that moment, which somebody may have
// changed since the sandbox was made; the runtime tells only the sandbox's, now and after
// a restart of ours, so that these hold.
func (r *registry) confirm(c *container, status Container) {
	if c.confirmed {
		return
	}
	c.confirmed = true
	c.labels, c.annotations = pack(status.PodLabels), pack(status.PodAnnotations)
	if c.log == nil || c.log.history.latest != c {
		return
	}
	h := c.log.history
	before := *h.policy.Load()
	if r.hold(h); *h.policy.Load() == before {
		return
	}
	for _, l := range h.logs {
		r.wake(l)
	}
	r.review(h)
}

// supersedes tells whether a container is the later attempt of two. Where a sandbox was
// made anew an attempt's number can be used again, and then the one that has ended is the
// older.
func (c *container) supersedes(other *container) bool {
	if c.Attempt != other.Attempt {
		return c.Attempt > other.Attempt
	}
	return c.State != StateExited || other.State == StateExited
}
