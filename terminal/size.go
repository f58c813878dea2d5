package terminal

import (
	"strconv"
	"strings"
)

// Size is a number of bytes in at most six characters, in the units that the configuration takes:
// 10Mi. A negative one has a character more.
func Size(n int64) string {
	if n < 0 {
		return "-" + Size(-max(n, -1<<62))
	}
	if n < 1<<10 {
		return strconv.FormatInt(n, 10)
	}
	value, units := float64(n), "KMGTPE"
	unit := -1
	// A figure of four digits would be longer than the next unit's.
	for value >= 999.5 && unit < len(units)-1 {
		value /= 1 << 10
		unit++
	}
	return Short(value) + units[unit:unit+1] + "i"
}

// Rate is how many bytes there are a second, as Size has them.
func Rate(n int64) string {
	if n == 0 {
		return "0"
	}
	return Size(n) + "/s"
}

// Short is a number below 1000 with three digits at most, and none for nothing.
func Short(value float64) string {
	text := strconv.FormatFloat(value, 'f', 1, 64)
	if value >= 99.95 {
		return strconv.FormatFloat(value, 'f', 0, 64)
	}
	return strings.TrimSuffix(text, ".0")
}

// Count shows how many things there are: "1 file", "2 files".
func Count(n int64, thing string) string { return strconv.FormatInt(n, 10) + " " + Plural(n, thing) }

// Plural is what so many things are called.
func Plural(n int64, thing string) string {
	if n == 1 {
		return thing
	}
	return thing + "s"
}
