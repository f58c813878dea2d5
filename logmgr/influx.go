package logmgr

import "time"

const (
	// calmAfter is how long only few containers must have become known for the others'
	// logs to have fallen asleep, and to have their links.
	calmAfter = 10 * time.Second
	// fewContainers become known from one list to the next at all times: where some crash
	// in a loop, or jobs come and go, there is never a list without a new one.
	fewContainers = 20
	// manyContainers is how many unknown containers at once are worth to be told of: more
	// than kubelet has pods by default.
	manyContainers = 200
)

// influx tells when many containers have become known and their logs have come to rest.
// Learning of a container and looking at its log for the first time makes a hundred
// times the garbage that is kept of it.
type influx struct {
	tell  func(on bool) // may be nil
	ended bool          // the first one, of the start, has
	size  int           // containers that have become known since the last one ended
	last  time.Time     // when some had; at first, when there was a list
}

// look takes in a list: how many of its containers are not known, and how many have
// become known since the list before.
func (i *influx) look(now time.Time, unknown, learned int) {
	i.size += learned
	if learned > fewContainers || i.last.IsZero() {
		i.last = now
	}
	switch {
	case i.tell == nil:
	case unknown >= manyContainers:
		i.tell(true)
	case now.Sub(i.last) >= calmAfter && (!i.ended || i.size >= manyContainers):
		i.ended, i.size = true, 0
		i.tell(false)
	}
}
