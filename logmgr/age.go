package logmgr

import (
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
)

// shortestAge is the least age at which a file is rotated, whatever a policy says.
const shortestAge = time.Second

// age tells since when the current file holds something that is to be rotated at
// Policy.MaxAge. A file of before the first look counts from its making; later ones
// from the look that found them no longer empty, so that a line which comes after a
// long silence is not rotated alone, as soon as it is there.
type age struct {
	file  logfile.ID
	since time.Time // zero: the file is empty
}

// ageOf takes in a look at the current file.
func (t *tender) ageOf(info logfile.Info, now time.Time) {
	a := &t.l.age
	switch {
	case info.Size == 0:
		*a = age{file: info.ID}
	case a.file == (logfile.ID{}): // the first look
		*a = age{file: info.ID, since: now.Add(-t.sinceBirth(info))}
	case a.file != info.ID || a.since.IsZero():
		*a = age{file: info.ID, since: now}
	}
}

// sinceBirth is how long ago the current file was made: by the file system's word,
// or where it keeps no times of birth by that of the newest rotated file.
func (t *tender) sinceBirth(info logfile.Info) time.Duration {
	born, err := t.l.dir.Birth(t.l.name, info.ID)
	if err != nil {
		if t.l.last.IsZero() {
			return 0
		}
		born = t.l.last.Time()
	}
	return max(t.m.Now().Sub(born), 0)
}

// ripens is how long it is until the current file is old enough to be rotated;
// never is true if it will not be for its age.
func (t *tender) ripens(now time.Time) (left time.Duration, never bool) {
	since := t.l.age.since
	if t.policy.MaxAge <= 0 || since.IsZero() {
		return 0, true
	}
	return max(max(t.policy.MaxAge, shortestAge)-now.Sub(since), 0), false
}

// wakeAtAge sets a timer for a log that is put to sleep, if it has an age to reach.
func (t *tender) wakeAtAge(now time.Time) {
	left, never := t.ripens(now)
	if never {
		return
	}
	l := t.l
	l.ageTimer = t.m.after(max(left, shortestLook), func(r *registry) { r.wake(l) })
}
