package logmgr

import "time"

// How closely an awake log is looked at.
const (
	// fastestWriter is the growth, in bytes per second, that a log is always
	// prepared for, however slow it has been: a trickle may turn into a flood
	// between two looks.
	fastestWriter = 100e6
	longestLook   = time.Second
	shortestLook  = time.Millisecond
	// slackShare of the limit is what a sudden flood may add beyond it, so that
	// a slow log near its limit is not looked at a thousand times a second.
	slackShare = 1.0 / 64
	// leadShare of the limit is how early a rotation may begin, at most. One reopen
	// that took minutes would else have the next files rotated nearly empty, and
	// these would push the full ones out.
	leadShare = 1.0 / 2
	// approach is the share of the predicted way to the limit after which to look
	// again: the rate is then a fresh one, and a timer that fires late does less harm.
	approach = 3.0 / 4
	// quietAfter is how long a log must not have grown to be put to sleep.
	quietAfter = time.Second
)

// pace predicts from a log's measured growth when it will reach its limit.
type pace struct {
	size    int64
	at      time.Time // of the last look
	grownAt time.Time // of the last look that found growth
	rate    float64   // bytes per second
	latency time.Duration
}

// restart begins with a new file of the given size; the rate stays, since the
// writer is the same.
func (p *pace) restart(now time.Time, size int64) {
	p.size, p.at, p.grownAt = size, now, now
}

// look takes in one measurement.
func (p *pace) look(now time.Time, size int64) {
	grown := size - p.size
	elapsed := now.Sub(p.at)
	if grown != 0 {
		p.grownAt = now
	}
	if grown < 0 || p.at.IsZero() { // another file, or the first look
		p.size, p.at = size, now
		return
	}
	if elapsed < shortestLook/2 {
		return // too short to measure a rate with
	}
	p.rate = (p.rate + float64(grown)/elapsed.Seconds()) / 2
	p.size, p.at = size, now
}

// reopened takes in how long the last rotation took from rename to swap.
func (p *pace) reopened(d time.Duration) {
	if p.latency == 0 {
		p.latency = d
		return
	}
	p.latency = (3*p.latency + d) / 4
}

// lead is how many bytes the log is expected to grow by during a rotation.
func (p *pace) lead(limit int64) float64 {
	return min(p.rate*p.latency.Seconds(), float64(limit)*leadShare)
}

// due tells whether a rotation begun now would end at the limit or beyond.
func (p *pace) due(limit int64) bool {
	return float64(p.size)+p.lead(limit) >= float64(limit)
}

// quiet tells whether the log has stopped growing.
func (p *pace) quiet() bool { return p.at.Sub(p.grownAt) >= quietAfter }

// wait is the time until the next look: in ever smaller steps to the moment at
// which the limit would be reached at the measured rate, and early enough for a writer that turns into the
// fastest one right now.
func (p *pace) wait(limit int64) time.Duration {
	remaining := float64(limit - p.size)
	slack := float64(limit) * slackShare
	seconds := (remaining + slack) / fastestWriter
	if p.rate > 0 {
		predicted := (remaining - p.lead(limit)) / p.rate
		if predicted > 2*shortestLook.Seconds() {
			predicted *= approach
		}
		seconds = min(seconds, predicted)
	}
	// Compared before the conversion: a huge limit overflows a Duration.
	if seconds >= longestLook.Seconds() {
		return longestLook
	}
	return max(time.Duration(seconds*float64(time.Second)), shortestLook)
}
