package logmgr

import (
	"context"
	"time"
)

// countEvery is how often all files are looked at where their sum has a bound: of
// most changes we know, but not of what others do to files.
const countEvery = time.Minute

// count is what all logs take on disk. Between two looks at all of them, only those are
// looked at that may have changed.
type count struct {
	at   time.Time // of the last look at all
	kept int64     // bytes that only keepDir has
	of   map[*history]counted
}

type counted struct {
	bytes int64
	awake bool // it was being written
}

// update returns the sum in bytes.
func (c *count) update(ctx context.Context, m *Manager) (sum int64) {
	now := time.Now()
	all := m.holdings(ctx)
	full := c.at.IsZero() || now.Sub(c.at) >= countEvery
	before := c.of
	c.of = make(map[*history]counted, len(all))
	for _, h := range all {
		last, known := before[h.history]
		delete(before, h.history)
		if h.touched.Swap(false) || full || !known || h.awake || last.awake {
			if h.measure(m) {
				last.bytes = h.disk
			}
		}
		c.of[h.history] = counted{last.bytes, h.awake}
		sum += last.bytes
	}
	if full {
		c.at = now
	}
	if full || len(before) > 0 { // what has gone may be found in keepDir
		c.kept = 0
		for _, h := range m.keptOnly() {
			c.kept += h.disk
		}
	}
	return sum + c.kept
}

// sumOf is the sum in bytes of what has just been looked at.
func sumOf(all []*holding) (sum int64) {
	for _, h := range all {
		sum += h.disk
	}
	return sum
}
