package logmgr

import (
	"math"
	"time"
)

// How closely an awake log is looked at.
const (
	longestLook  = time.Second
	shortestLook = time.Millisecond
	// slackShare of the limit is what a sudden flood may add beyond it, and how much
	// earlier a log is rotated for such a flood's sake, so that a slow log near its
	// limit is not looked at a thousand times a second.
	slackShare = 1.0 / 32
	// hopeless is the time in which the fastest writer must not fill a whole file
	// if a sudden flood is to be caught. A log with a smaller limit is looked at
	// this often for a flood's sake and no oftener.
	hopeless = 10 * time.Millisecond
	// leadShare of the limit is how early a rotation may begin, at most. One reopen
	// that took minutes would else have the next files rotated nearly empty, and
	// these would push the full ones out.
	leadShare = 1.0 / 2
	// approach is the share of the predicted way to the limit after which to look
	// again: the rate is then a fresh one, and a timer that fires late does less harm.
	approach = 3.0 / 4
	// surge is how many times faster than of late a writer is taken to become
	// before the next look. Bytes per second over a tenth of a second differ by
	// half from one such time to the next, in the steadiest of floods.
	surge = 4
	// rateSpan is the time over which a rate is measured, about. Over a millisecond
	// it says when the runtime was given the processor, and not how fast the writer is.
	rateSpan = 10 * time.Millisecond
	// shortestLife is how long a file is written to before it is rotated, however
	// small the limit is: no log is rotated more than fifty times a second.
	shortestLife = 20 * time.Millisecond
	// quietAfter is how long a log must not have grown to be put to sleep.
	quietAfter = time.Second
)

// pace predicts from a log's measured growth when it will reach its limit.
type pace struct {
	// fastest is the growth, in bytes per second, that a log is always prepared
	// for, however slow it has been: a trickle may turn into a flood between two
	// looks.
	fastest float64
	size    int64
	at      time.Time // of the last look
	grownAt time.Time // of the last look that found growth
	born    time.Time // when the file was swapped in
	rate    float64   // bytes per second, of late
	peak    float64   // bytes per second, the highest between two looks

	measured bool   // the rate is known
	swap     spread // seconds for which a log goes on growing once its rotation was decided
}

// wake forgets when the last look was, since the log has slept. The rate over
// that time says nothing of what has woken it.
func (p *pace) wake() { p.at, p.rate = time.Time{}, 0 }

// rest makes a log that was looked at count as quiet: it has not been written to for long.
func (p *pace) rest() { p.grownAt = p.at.Add(-quietAfter) }

// restart begins with a new file of the given size; the rate stays, since the
// writer is the same. The peak fades, unless it is seen again.
func (p *pace) restart(now time.Time, size int64) {
	p.size, p.at, p.grownAt, p.born, p.measured = size, now, now, now, true
	p.peak = max(p.rate, (3*p.peak+p.rate)/4)
}

// look takes in one measurement.
func (p *pace) look(now time.Time, size int64) {
	grown := size - p.size
	elapsed := now.Sub(p.at)
	if grown != 0 || p.grownAt.IsZero() {
		p.grownAt = now
	}
	if grown < 0 || p.at.IsZero() { // another file, or the first look
		p.size, p.at, p.measured = size, now, false
		return
	}
	if elapsed < shortestLook/2 {
		return // too short to measure a rate with
	}
	rate := float64(grown) / elapsed.Seconds()
	p.rate += (rate - p.rate) * -math.Expm1(-elapsed.Seconds()/rateSpan.Seconds())
	p.peak = max(p.peak, rate)
	p.size, p.at, p.measured = size, now, true
}

// noticeable is the growth in bytes that tells when the runtime has swapped files.
const noticeable = 64 << 10

// swapped takes in a rotation: how long it took from the last look at the log to the
// end of the reopen, and by how much the log has grown since that look. The runtime
// swaps files some time before it answers, which the growth tells and the time does not.
func (p *pace) swapped(took time.Duration, grown int64) {
	seconds := took.Seconds()
	if p.rate*seconds >= noticeable {
		seconds = min(seconds, float64(grown)/p.rate)
	}
	p.swap.add(seconds)
}

// lead is how many bytes the log is expected to grow by during a rotation.
func (p *pace) lead(limit int64) float64 {
	return min(p.rate*p.swap.high(), float64(limit)*leadShare)
}

// prepare says what to expect: the fastest writer, and from a log that was never
// rotated how long that took other logs, which may be nil.
func (p *pace) prepare(fastest float64, others *spread) {
	p.fastest = fastest
	switch {
	case p.swap.known:
	case others != nil:
		p.swap = *others
		p.swap.known = false
	default: // containerd takes about four milliseconds
		p.swap = spread{mean: 0.004, deviation: 0.001}
	}
}

// due tells whether a rotation begun now would end at the limit or beyond, or what a
// sudden flood may add would.
func (p *pace) due(limit int64) bool { return float64(p.size) >= p.full(limit) }

// full is the size in bytes from which on the log is due.
func (p *pace) full(limit int64) float64 {
	return float64(limit) - max(p.lead(limit), float64(limit)*slackShare)
}

// dueIn is in how long the log will be due, as it grows, a second at most. That is not
// foreseen if it grows by a good part of its limit within openingTime.
func (p *pace) dueIn(limit int64) (left time.Duration, foreseen bool) {
	if p.rate <= 0 || p.rate*openingTime.Seconds() > float64(limit)*foreseenShare {
		return 0, false
	}
	seconds := min((p.full(limit)-float64(p.size))/p.rate, longestLook.Seconds())
	return max(0, time.Duration(seconds*float64(time.Second))), true
}

// young is for how long the file is too young to be rotated.
func (p *pace) young(now time.Time) time.Duration {
	return shortestLife - now.Sub(p.born)
}

// quiet tells whether the log has stopped growing.
func (p *pace) quiet() bool { return p.at.Sub(p.grownAt) >= quietAfter }

// calm tells whether the log, as it grows, is far from its limit, and need not be looked
// at oftener than the poller does.
func (p *pace) calm(limit int64) bool {
	return p.measured && !p.due(limit) && p.reaches(limit) >= calmFor.Seconds() && p.wait(limit) >= pollTick
}

// reaches is in how many seconds the limit would be reached by a writer somewhat faster
// than of late.
func (p *pace) reaches(limit int64) float64 {
	if p.rate <= 0 {
		return math.Inf(1)
	}
	return (float64(limit-p.size) - p.lead(limit)) / min(surge*p.rate, max(p.fastest, p.peak))
}

// wait is the time until the next look: in ever smaller steps to the moment at
// which the limit would be reached, and early enough for a writer that turns into
// the fastest one right now.
func (p *pace) wait(limit int64) time.Duration {
	slack := max(float64(limit)*slackShare, p.fastest*hopeless.Seconds()-float64(limit))
	seconds := (float64(limit-p.size) + slack) / max(p.fastest, p.peak)
	seconds = min(seconds, approach*p.reaches(limit))
	if !p.measured { // after a first look, what has begun has to be measured soon
		seconds = min(seconds, rateSpan.Seconds())
	}
	// Compared before the conversion: a huge limit overflows a Duration.
	if seconds >= longestLook.Seconds() {
		return longestLook
	}
	return max(time.Duration(seconds*float64(time.Second)), shortestLook)
}

// step is for how long a log may be left alone that may still grow by room bytes: 0 if
// that is too short, as it grows. The fastest writer is caught as soon as it has begun.
func (p *pace) step(room int64) time.Duration {
	if float64(room) <= p.rate*shortestLook.Seconds() {
		return 0
	}
	seconds := min(float64(room)/max(p.fastest, p.peak), longestLook.Seconds())
	return max(time.Duration(seconds*float64(time.Second)), shortestLook)
}

// spread is the mean of a quantity and how far it strays, both of late, as TCP
// estimates its round trips (RFC 6298).
type spread struct {
	mean, deviation float64
	known           bool
}

func (s *spread) add(x float64) {
	if !s.known {
		*s = spread{mean: x, deviation: x / 2, known: true}
		return
	}
	s.deviation += (math.Abs(x-s.mean) - s.deviation) / 4
	s.mean += (x - s.mean) / 8
}

// pessimism is how many deviations beyond the mean are expected. With two, nine of
// ten rotations end before their limit.
const pessimism = 2

// high is what is seldom exceeded, 0 when nothing is known.
func (s *spread) high() float64 { return s.mean + pessimism*s.deviation }
