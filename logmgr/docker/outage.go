package docker

import "time"

// outagePause is how often at most it is told that the engine does not answer, and for how
// long it must not have: for a single container that is stuck it never answers.
const outagePause = time.Minute

// outage is what was told of an engine that does not answer.
type outage struct {
	lasts      bool
	toldAt     time.Time
	answeredAt time.Time // when it last answered; zero: never
}

// noteSilence tells, once, that the engine does not answer and what is done without it.
func (r *Runtime) noteSilence(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if r.away.lasts || now.Sub(r.away.toldAt) < outagePause || now.Sub(r.away.answeredAt) < outagePause {
		return
	}
	r.away.lasts, r.away.toldAt = true, now
	r.log.WithError(err).WithField("directory", r.root).Warn("Docker Engine does not tell where containers' logs are: they are looked for in its data directory")
}

// noteAnswer tells that it answers again.
func (r *Runtime) noteAnswer() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.away.answeredAt = time.Now()
	if r.away.lasts {
		r.away.lasts = false
		r.log.Info("Docker Engine answers again")
	}
}
