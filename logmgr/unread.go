package logmgr

import (
	"context"
	"path/filepath"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/cri-logshim/cri-logshim/event"
	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
	"github.com/cri-logshim/cri-logshim/logmgr/readers"
)

// readersRetry is how soon files that wait for a reader are looked at again, if no
// rotation comes before.
const readersRetry = 10 * time.Second

// waitsForReaders tells whether readers come first.
func (p Policy) waitsForReaders() bool { return p.MaxFilesUnread > p.MaxFiles }

// unread is what readers have not finished of a file.
type unread struct {
	waited bool // by a reader that has the log open, or had it a short while ago
	// bytes are what the one furthest behind, of those that have the log open, has not
	// read; 0: there is none.
	bytes  int64
	reader readers.Reader
	open   bool // somebody stands in this very file
}

// unreadOrDeserted is unreadIn for files that go at each rotation. Looks are spaced, and
// a fast writer rotates several times meanwhile: where nobody has read the history lately
// files go at once, and the look follows.
func (m *Manager) unreadOrDeserted(ctx context.Context, h *history, logs []logfile.Log) (map[string]unread, error) {
	ago := h.audience.desertedAgo()
	if ago > longestDesertion {
		return m.unreadIn(ctx, h, logs)
	}
	if ago > longestLookPause && h.audience.beginLook() {
		m.mail.post(func(r *registry) {
			r.spawn("look for readers of "+h.path, func(ctx context.Context) {
				defer h.audience.endLook()
				_, _ = r.unreadIn(ctx, h, logs) // only to know whether it is still deserted
			})
		})
	}
	return nil, nil
}

// unreadIn finds out which files of a history open readers have not finished, by name.
// Where nobody can tell, as without /proc, none is unread: a disk must not fill up
// because of that. It fails only when ctx is done.
func (m *Manager) unreadIn(ctx context.Context, h *history, logs []logfile.Log) (map[string]unread, error) {
	queues, asked := h.audience.queues(logs), time.Now()
	patient, cancel := context.WithTimeout(ctx, stuckFile) // a look may hang on a file system that has nothing to do with logs
	defer cancel()
	found, err := m.lookout.ask(patient, idsOf(queues))
	if ctx.Err() != nil {
		return nil, err
	}
	if err != nil {
		m.metrics.failed(stepReaders)
		h.complain("cannot find out who reads the container's log, so nobody is waited for", err)
		return nil, nil
	}
	return m.missedIn(h, logs, queues, found, asked), nil
}

// queues are the files of each of the logs in the order in which they are read.
func (a *audience) queues(logs []logfile.Log) [][]logfile.File {
	queues := make([][]logfile.File, len(logs))
	for i, log := range logs {
		queues[i] = a.queue(log)
	}
	return queues
}

func idsOf(queues [][]logfile.File) (ids []logfile.ID) {
	for _, queue := range queues {
		for _, f := range queue {
			ids = append(ids, f.ID)
		}
	}
	return ids
}

// missedIn takes in who was found to read a history's files by a look that was asked for
// at a time, and returns which of them are unread, by name.
func (m *Manager) missedIn(h *history, logs []logfile.Log, queues [][]logfile.File, found map[logfile.ID][]readers.Reader, asked time.Time) map[string]unread {
	all, lags := map[string]unread{}, map[string]int64{}
	deserted := len(idsOf(queues)) > 0
	for i, queue := range queues {
		places := h.audience.update(logs[i].Name, queue, found)
		deserted = deserted && len(places) == 0
		unreadOf(queue, places, all)
		lagOf(queue, places, lags)
	}
	h.audience.keep(logs)
	h.audience.setDeserted(deserted, asked)
	m.lags.set(filepath.Join(h.path, h.only), lags)
	return all
}

// lost counts and tells what a reader will not get to see by its name any more.
func (m *Manager) lost(u unread, log logrus.FieldLogger) {
	m.metrics.deletedUnread.Add(float64(u.bytes))
	event.UnreadRemoved.On(log).WithFields(logrus.Fields{"reader": u.reader.Name, "pid": u.reader.PID, "unread": u.bytes}).
		Warn("removed a rotated file that its reader has not finished, since no more may be kept")
}

// unreadOf adds what is unread of one log's files, the oldest first. A reader works
// in order, so what follows the file where it stands is unread, though it has not
// opened it.
func unreadOf(files []logfile.File, places []place, all map[string]unread) {
	for i, f := range files {
		var u unread
		for _, p := range places {
			left := p.left(i, f)
			u.waited = u.waited || left > 0
			u.open = u.open || p.index == i
			if !p.gone && left > u.bytes {
				u.bytes, u.reader = left, p.reader
			}
		}
		all[f.Name] = u
	}
}

// lagOf adds how far each program is behind with one log's files, in bytes.
func lagOf(files []logfile.File, places []place, lags map[string]int64) {
	for _, p := range places {
		if p.gone {
			continue
		}
		lag := lags[p.reader.Name]
		for i, f := range files {
			lag += p.left(i, f)
		}
		lags[p.reader.Name] = lag
	}
}
