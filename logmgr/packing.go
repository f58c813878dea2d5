package logmgr

import (
	"context"
	"errors"
	"io/fs"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/cri-logshim/cri-logshim/logmgr/kept"
	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
)

// longestPacking is how long a file that is found only in keepDir and cannot be
// compressed is left alone at most. The first time is until the next sweep.
const longestPacking = time.Hour

// packing is the compression of files that are found only in keepDir. Each sweep finds
// all of them: one job has them at a time, and those that fail are tried less and less
// often.
type packing struct {
	mu      sync.Mutex
	busy    bool // a job is waiting or under way; its end asks for a sweep
	failing map[logfile.ID]backoff
}

// begin returns those of the files that are to be compressed in a job that begins now, and
// when others are to be tried again; 0: none is.
func (p *packing) begin(files []kept.File, now time.Time) (job []kept.File, retry time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.busy {
		return nil, 0
	}
	failing := map[logfile.ID]backoff{} // without those that are gone
	for _, f := range files {
		if b, is := p.failing[f.ID]; is {
			failing[f.ID] = b
			if left := b.left(now); left > 0 {
				retry = sooner(retry, left)
				continue
			}
		}
		job = append(job, f)
	}
	p.failing, p.busy = failing, len(job) > 0
	return job, retry
}

// failed notes that a file of the job could not be compressed.
func (p *packing) failed(id logfile.ID, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.failing[id]
	b.wait = min(max(2*b.wait, sweepPause), longestPacking)
	b.not = now.Add(b.wait)
	p.failing[id] = b
}

func (p *packing) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.busy = false
}

// compressKept compresses files that are found only in keepDir.
func (c *compressor) compressKept(ctx context.Context, m *Manager, files []kept.File) {
	defer m.work.begin("compress files in keepDir", stuckCompress)()
	defer m.keeper.poke()
	defer m.keeper.packing.end()
	for _, f := range files {
		err := c.compressOne(ctx, m, f)
		if ctx.Err() != nil {
			return
		}
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			continue
		}
		m.keeper.packing.failed(f.ID, time.Now())
		m.metrics.failed(stepCompress)
		log := func() logrus.FieldLogger { return m.Log.WithFields(logrus.Fields{"dir": f.Dir, "file": f.Name}) }
		m.complaints.complain(m.keeper.dir, log, "cannot compress a log file of a pod or attempt that is gone; it stays as it is", err)
	}
}

func (c *compressor) compressOne(ctx context.Context, m *Manager, f kept.File) (err error) {
	dir, shelved, err := m.keeper.opened().Shelve(f)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	logs, err := dir.ScanAttempts()
	if err != nil {
		return err
	}
	for _, log := range logs { // of a compression that a crash has cut short
		if _, err := dir.Heal(ctx, log.Name); err != nil {
			return err
		}
	}
	_, err = c.compressFile(ctx, m, dir, shelved, f.Term.Compression, nil)
	return err
}
