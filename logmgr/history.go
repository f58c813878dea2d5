package logmgr

import (
	"path"
	"slices"
	"strconv"
	"sync/atomic"

	"github.com/sirupsen/logrus"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
)

// history is everything that one container has logged, over all its attempts.
// What is kept of it, and how, is decided for the whole of it; each attempt's log
// is watched and rotated by itself.
type history struct {
	m    *Manager
	dir  string     // that holds its files, below podLogsDir
	only string     // the one log that belongs to it; empty: all attempts' logs in dir
	path string     // absolute path of dir, for messages
	of   *container // whose log made it known; nil: only keepDir knows it

	policy        atomic.Pointer[Policy] // set by the registry
	touched       atomic.Bool            // its files are others since pressure has counted them
	toldStrangers bool                   // owned by the removal
	meter         meter

	// Owned by the registry.
	latest      *container      // the latest attempt, whose policy holds
	logs        []*containerLog // those of known containers
	removal     chore
	compression chore

	audience audience
}

// historyOf returns the history that a container's log at rel belongs to.
func (r *registry) historyOf(rel string, c *container) *history {
	dir, only := path.Dir(rel), path.Base(rel)
	key := rel
	if ofOneContainer(rel, c.Name, c.Attempt) {
		key, only = dir, ""
	}
	h := r.histories[key]
	if h == nil {
		h = &history{
			m: r.Manager, dir: dir, only: only, path: path.Dir(c.path), of: c,
		}
		h.meter.sums = r.books.enter(&c.Container)
		h.removal = chore{of: h, begin: (*registry).removeExcess}
		h.compression = chore{of: h, begin: (*registry).compress}
		r.histories[key] = h
	}
	return h
}

// ofOneContainer tells whether the directory of the log at rel holds one container's
// attempts and nothing else, as where kubelet chooses the path.
func ofOneContainer(rel, name string, attempt uint32) bool {
	return path.Base(path.Dir(rel)) == name && path.Base(rel) == strconv.FormatUint(uint64(attempt), 10)+".log"
}

// follow makes the policy of the latest attempt that of its history. What is not confirmed
// yet removes nothing of what earlier attempts have left.
func (r *registry) follow(h *history, c *container) {
	first := h.latest == nil
	if !first && !c.supersedes(h.latest) {
		return
	}
	h.latest = c
	if first || c.confirmed {
		r.hold(h)
	}
}

// mostPolicies bounds what is remembered of policies that nobody may have any longer:
// annotations can make as many different ones as there are pods.
const mostPolicies = 100

// hold puts the policy of a history in force.
func (r *registry) hold(h *history) {
	p := r.PolicyOf(h.latest.facts())
	held := r.policies[p]
	if held == nil {
		if len(r.policies) >= mostPolicies {
			clear(r.policies)
		}
		held = &p
		r.policies[p] = held
	}
	h.policy.Store(held)
}

// forget lets go of a log, and of its history if that was the last one known:
// what lies in the directory then is somebody else's to remove.
func (r *registry) forget(l *containerLog) {
	delete(r.logs, l.rel)
	if l.elsewhere {
		r.away--
	}
	r.countLogs()
	h := l.history
	h.logs = slices.DeleteFunc(h.logs, func(one *containerLog) bool { return one == l })
	if len(h.logs) > 0 {
		r.want(&h.removal, 0) // what the container has left counts as rotated now
		return
	}
	h.removal.end()
	h.compression.end()
	r.keeper.forget(h)
	r.books.leave(h.meter.sums)
	for key, known := range r.histories {
		if known == h {
			delete(r.histories, key)
		}
	}
}

// review does what a new policy, a new container or a crash before the start
// asks for.
func (r *registry) review(h *history) {
	r.want(&h.removal, 0)
	r.want(&h.compression, 0)
	if h.policy.Load().keeps() {
		r.keeper.poke()
	}
}

// rotated follows a rotation.
func (r *registry) rotated(l *containerLog) {
	r.want(&l.history.removal, 0)
	if p := l.policy.Load(); p.Compression != logfile.Plain {
		r.want(&l.history.compression, p.CompressAfter)
	}
}

// known are the names of the logs that containers of the runtime have.
func (h *history) known() map[string]bool {
	names := make(map[string]bool, len(h.logs))
	for _, l := range h.logs {
		names[l.name] = true
	}
	return names
}

// scan sorts out what lies in the history's directory, the oldest attempt first.
func (h *history) scan(dir *logfile.Dir) ([]logfile.Log, error) {
	if h.only == "" {
		return dir.ScanAttempts()
	}
	log, err := dir.Scan(h.only)
	return []logfile.Log{log}, err
}

// log is where to speak of the history, made when there is something to say.
func (h *history) log() logrus.FieldLogger {
	if h.of == nil {
		return h.m.Log.WithField("dir", h.dir)
	}
	return h.m.Log.WithFields(logrus.Fields{"namespace": h.of.Namespace, "pod": h.of.Pod, "container": h.of.Name})
}

func (h *history) complain(what string, err error) {
	if !h.m.scarcity.tookDescriptor(err) {
		h.meter.err(what, err)
		h.m.complaints.complain(h.dir+" "+h.only, h.log, what, err)
	}
}
