package logmgr

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"github.com/cri-logshim/cri-logshim/event"
)

// repeatScarcity is how often the operator is told that watches have run out: they
// come and go by ones, and each time would be news.
const repeatScarcity = time.Hour

// scarcity reports what the kernel has no more of: once for the node, since every log
// meets it alike.
type scarcity struct {
	log    logrus.FieldLogger
	polled prometheus.Gauge

	mu      sync.Mutex
	polling int       // logs that cannot be watched, for whatever reason
	said    time.Time // when it was last said that watches have run out
	open    bool      // it has not been said since that all logs are watched again
	lacked  time.Time // when it was last said that descriptors have run out
}

// poll counts a log that cannot be watched.
func (s *scarcity) poll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.polling++
	s.polled.Set(float64(s.polling))
}

// unpoll follows when the log is watched after all, or is looked after no longer.
func (s *scarcity) unpoll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.polling--
	s.polled.Set(float64(s.polling))
	if s.polling == 0 && s.open {
		s.open = false
		s.log.Info("no log is polled any longer for want of inotify watches")
	}
}

// tookWatch reports err if it says that there are no more watches.
func (s *scarcity) tookWatch(err error) bool {
	var raise string
	switch {
	case errors.Is(err, unix.ENOSPC):
		raise = "fs.inotify.max_user_watches"
	case errors.Is(err, unix.EMFILE):
		raise = "fs.inotify.max_user_instances, or LimitNOFILE of the unit"
	case errors.Is(err, unix.ENFILE):
		raise = "fs.file-max"
	case errors.Is(err, unix.ENOMEM):
		raise = "the memory of the node"
	default:
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.said.IsZero() && time.Since(s.said) < repeatScarcity {
		return true
	}
	s.said, s.open = time.Now(), true
	event.Scarce.On(s.log).WithError(err).Warn(fmt.Sprintf("out of inotify watches: logs without one are looked at once a second until there are more; raise %s", raise))
	return true
}

// tookDescriptor reports err if it says that there are no more file descriptors. Logs
// keep those that they have, and what needs another one is tried again.
func (s *scarcity) tookDescriptor(err error) bool {
	if !errors.Is(err, unix.EMFILE) && !errors.Is(err, unix.ENFILE) {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lacked.IsZero() || time.Since(s.lacked) >= repeatComplaint {
		s.lacked = time.Now()
		event.Scarce.On(s.log).WithError(err).Warn("out of file descriptors: what needs one has to wait; raise LimitNOFILE of the unit, or fs.file-max")
	}
	return true
}
