package logmgr

import (
	"math"
	"slices"
	"sync"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
)

const (
	// meterSpan is the time over which the growth that people are shown is measured: that
	// by which rotations are planned differs by half from one moment to the next.
	meterSpan = 2 * time.Second
	// activeFor is for how long a log that was written to counts as active.
	activeFor = 5 * time.Second
	// mishapFor is for how long the last thing that went wrong is told.
	mishapFor = 10 * time.Minute
)

// meter counts what happens to a history, for people and for metrics. Whoever looks at a
// log anyway tells it what was found: nobody looks for the meter's sake, and a log that
// sleeps costs nothing.
type meter struct {
	mu sync.Mutex
	tally
	sums      entry     // where all of it counts, too
	rate      float64   // bytes per second at the time of grown
	grown     time.Time // when that was noticed last
	lastWrite int64     // by the file system's clock, in nanoseconds since 1970; 0: never
	rotated   int64     // when it was rotated last, in nanoseconds since 1970; 0: never
	files     int64     // all but those that are written to, when they were counted last
	disk      int64     // bytes that they take
	counted   bool
	mishap    string // what went wrong last
	mishapAt  time.Time
}

// tell counts, here and in the sums.
func (m *meter) tell(t tally) {
	m.tally.add(t)
	m.sums.add(t)
}

// grow takes in that a log was found grown, after a time in which nobody has looked.
func (m *meter) grow(now time.Time, bytes int64, after time.Duration, written time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if written := written.UnixNano(); written > m.lastWrite {
		m.lastWrite = written
	}
	if bytes <= 0 {
		return
	}
	// What has woken a log has come just now, however long it has slept.
	took := min(max(after, shortestLook), longestLook).Seconds()
	m.rate *= math.Exp(-now.Sub(m.grown).Seconds() / meterSpan.Seconds())
	m.rate += float64(bytes) / took * -math.Expm1(-took/meterSpan.Seconds())
	m.tell(tally{written: bytes})
	m.grown = now
}

// rateAt is the growth in bytes per second. The next look may be longestLook away, so what
// has come since is not taken to be nothing before.
func (m *meter) rateAt(now time.Time) int64 {
	quiet := now.Sub(m.grown) - longestLook
	return int64(m.rate * math.Exp(-max(quiet, 0).Seconds()/meterSpan.Seconds()))
}

// rotate takes in a rotation, by the wall clock, of a file with a share of maxSize.
func (m *meter) rotate(at time.Time, share float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tell(tally{rotations: 1, overshoot: share})
	m.rotated = at.UnixNano()
	m.mishap = ""
}

// pack takes in that a file was compressed.
func (m *meter) pack(from, to int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tell(tally{packedFrom: from, packedTo: to})
}

// count takes in what lies there, but for the current files of logs that are known, and for
// what only keepDir has beside that.
func (m *meter) count(logs, kept []logfile.Log, known map[string]bool) {
	var files, disk int64
	add := func(all ...logfile.File) {
		for _, f := range all {
			files++
			disk += f.Disk
		}
	}
	for i, log := range append(slices.Clip(logs), kept...) {
		add(log.Rotated...)
		add(log.Temporary...)
		add(log.Foreign...)
		if log.Current != nil && (i >= len(logs) || !known[log.Name]) {
			add(*log.Current)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.files, m.disk, m.counted = files, disk, true
}

// free takes in that files are gone since they were counted.
func (m *meter) free(gone freed) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.files = max(m.files-gone.inodes, 0)
	m.disk = max(m.disk-gone.bytes, 0)
}

// err takes in what went wrong.
func (m *meter) err(what string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mishap, m.mishapAt = what+": "+err.Error(), time.Now()
}

// weigh takes in a look at the log's current file, before see does. Of what was there before
// the log was known nothing is written, but for a container that is new.
func (l *containerLog) weigh(now time.Time, info logfile.Info) {
	before, known := l.weight()
	grown := info.Size - before
	switch {
	case !known:
		if !l.fresh {
			grown = 0
		}
	case l.current != info.ID || grown < 0: // of the old file's last bytes nothing is known
		grown = info.Size
	}
	l.size.Store(info.Size + 1)
	l.disk.Store(info.Disk)
	if grown > 0 || !known {
		l.history.m.metrics.written.Add(float64(max(grown, 0)))
		l.history.meter.grow(now, grown, now.Sub(l.pace.at), info.ModTime)
	}
}

// weight is the size in bytes of the current file, as of the last look.
func (l *containerLog) weight() (size int64, known bool) {
	if size = l.size.Load(); size == 0 {
		return 0, false
	}
	return size - 1, true
}
