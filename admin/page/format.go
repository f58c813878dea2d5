package page

import (
	"html/template"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// What is in this file is in static/format.js too: a value reads the same with and without the
// script.

func formats() template.FuncMap {
	return template.FuncMap{
		"ago":   ago,
		"bytes": formatBytes,
		"clock": clock,
		"count": count,
		"plain": plain,
		"stamp": stamp,
	}
}

// formatBytes is a size with three digits or so, or a dash for what nobody has counted.
func formatBytes(size *int64) string {
	if size == nil {
		return "–"
	}
	value, units := float64(*size), []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	unit := 0
	for value >= 999.5 && unit < len(units)-1 {
		value /= 1024
		unit++
	}
	if unit == 0 || value >= 99.95 {
		return strconv.FormatFloat(math.Floor(value+0.5), 'f', 0, 64) + " " + units[unit]
	}
	return strconv.FormatFloat(math.Floor(value*10+0.5)/10, 'f', 1, 64) + " " + units[unit]
}

// count is a number with a comma between thousands.
func count(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// ago is how long before now something was, in its largest unit.
func ago(then *time.Time, now time.Time) string {
	if then == nil {
		return "–"
	}
	return span(now.Sub(*then).Seconds()) + " ago"
}

// span is a length of time in its largest unit.
func span(seconds float64) string {
	s := int64(math.Max(0, seconds))
	switch {
	case s < 90:
		return strconv.FormatInt(s, 10) + " s"
	case s < 90*60:
		return strconv.FormatInt(s/60, 10) + " min"
	case s < 48*3600:
		return strconv.FormatInt(s/3600, 10) + " h"
	}
	return count(s/86400) + " d"
}

// clock is the time of day.
func clock(t time.Time) string { return t.UTC().Format("15:04:05") }

// when is the time of day, with the day instead of seconds where that is not today.
func when(t, now time.Time) string {
	if t.UTC().Format(time.DateOnly) == now.UTC().Format(time.DateOnly) {
		return clock(t)
	}
	return t.UTC().Format("01-02 15:04")
}

// stamp is a time for a program to read.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// share is a part of a whole in per cent, 0 to 100; 0 where either is not known.
func share(part *int64, whole int64) float64 {
	if part == nil || whole <= 0 {
		return 0
	}
	return math.Round(1000*math.Min(1, math.Max(0, float64(*part)/float64(whole)))) / 10
}

// plain is a foreign text without what does not show: control characters, and those that
// turn the direction of the text around them, become the sign for what cannot be shown.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}
