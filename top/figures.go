package top

import (
	"fmt"
	"strconv"
	"time"

	"github.com/cri-logshim/cri-logshim/terminal"
)

// unknown stands where nobody has counted.
const unknown = "–"

// known shows a size that may not be counted.
func known(n *int64) string {
	if n == nil {
		return unknown
	}
	return terminal.Size(*n)
}

// number shows how many there are, its thousands apart.
func number(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// count shows how many things there are.
func count(n int, thing string) string {
	return number(int64(n)) + " " + terminal.Plural(int64(n), thing)
}

// span shows a length of time by its largest unit, and by two where that says little.
func span(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < time.Second:
		return "0s"
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm", d/time.Minute)
	case d < 10*time.Hour:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
	case d < day:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d < 10*day:
		return fmt.Sprintf("%dd%dh", d/day, d%day/time.Hour)
	}
	return fmt.Sprintf("%dd", d/day)
}

// ago shows how long before now something was; the clock is the daemon's in both.
func ago(now time.Time, then *time.Time) string {
	if then == nil || then.IsZero() {
		return unknown
	}
	return span(max(0, now.Sub(*then)))
}

// seconds turns what the API says of a length of time into one.
func seconds(s float64) time.Duration {
	return time.Duration(min(s, float64(1<<62)/float64(time.Second)) * float64(time.Second))
}

// ratio shows by how much compressed files are smaller.
func ratio(r float64) string {
	if r == 0 {
		return unknown
	}
	return terminal.Short(min(r, 999)) + "×"
}
