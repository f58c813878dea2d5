package main

import "time"

const (
	fullChunk  = 32 << 10             // bytes of one write when nothing holds us back
	shortSleep = 2 * time.Millisecond // how finely a rate is kept
)

// pace keeps a rate over the whole run: what was missed while the reader was slow is
// made up for afterwards.
type pace struct {
	start   time.Time
	rate    int64
	chunk   int // bytes of one write
	written int64
}

func newPace(rate int64) *pace {
	p := &pace{start: time.Now(), rate: rate, chunk: fullChunk}
	if rate > 0 {
		p.chunk = int(min(fullChunk, max(1, rate*int64(shortSleep)/int64(time.Second))))
	}
	return p
}

func (p *pace) elapsed() time.Duration { return time.Since(p.start) }

// wait returns when the bytes written so far are due.
func (p *pace) wait() {
	if p.rate <= 0 {
		return
	}
	due := time.Duration(float64(p.written) / float64(p.rate) * float64(time.Second))
	if early := due - p.elapsed(); early > 0 {
		time.Sleep(early)
	}
}
