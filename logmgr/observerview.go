package logmgr

import (
	"context"
	"path"
	"time"
)

// View copies what is known, of running containers and of logs that are elsewhere: nothing is
// managed. It touches no file.
func (o *Observer) View(context.Context) (View, error) {
	now := time.Now()
	v := View{Logs: []LogView{}}
	o.mu.Lock()
	for _, l := range o.logs {
		one := l.view(now)
		v.Logs = append(v.Logs, one)
		if one.active {
			v.Active++
		}
	}
	o.mu.Unlock()
	for _, l := range o.sights.view() {
		l.Policy = o.policyOf(l.Container)
		v.Logs = append(v.Logs, l)
	}
	return v, nil
}

func (o *Observer) policyOf(c Container) Policy {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.PolicyOf(c)
}

// view copies what is known of a log.
func (l *observed) view(now time.Time) LogView {
	v := LogView{Container: l.of, Path: l.path, NotManaged: notInObserve, Policy: l.policy}
	l.meter.show(&v, now)
	if l.seen {
		size := l.size
		v.CurrentBytes = &size
	}
	if l.lookedThrough {
		disk := l.found.disk
		v.DiskBytes = &disk
	}
	return v
}

// notInObserve is why an Observer manages nothing.
const notInObserve = "mode observe changes nothing"

// view copies what is known of the logs that are elsewhere.
func (s *sights) view() []LogView {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []LogView
	for id, f := range s.files {
		v := LogView{Container: *f.of, Path: path.Join(f.of.LogDirectory, f.of.LogPath), Elsewhere: true, NotManaged: notInObserve}
		if l, is := s.seen.of(id); is && l.File != "" {
			v.CurrentBytes, v.DiskBytes, v.Rotations = &l.Bytes, &l.DiskBytes, l.Rotations
		}
		all = append(all, v)
	}
	return all
}
