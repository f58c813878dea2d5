package config

import (
	"reflect"
	"strings"
)

// unknownSetting says what is wrong with a name that a section does not have, though one
// of its sections may.
func unknownSetting(name string, section reflect.Type) string {
	known := keysOf(section)
	for _, k := range known {
		if similar(name, k) {
			return "unknown setting; did you mean " + k + "?"
		}
	}
	for field := range section.Fields() {
		if field.Type.Kind() != reflect.Struct {
			continue
		}
		for _, k := range keysOf(field.Type) {
			if k != "" && similar(name, k) {
				return "unknown setting; did you mean " + keyOf(field) + "." + k + "?"
			}
		}
	}
	return "unknown setting; known here: " + strings.Join(known, ", ")
}

// similar tells whether two names are the same but for upper and lower case,
// hyphens and underscores, and one letter that is missing, added, changed or
// swapped with the next.
func similar(a, b string) bool {
	a, b = plainName(a), plainName(b)
	if len(a) < len(b) {
		a, b = b, a
	}
	if len(b) < shortestSimilar || len(a)-len(b) > 1 {
		return a == b
	}
	i := 0
	for i < len(b) && a[i] == b[i] {
		i++
	}
	restA, restB := a[i:], b[i:]
	switch {
	case len(a) > len(b):
		return restA[1:] == restB
	case len(restA) < 2:
		return true
	default:
		swapped := restA[0] == restB[1] && restA[1] == restB[0] && restA[2:] == restB[2:]
		return swapped || restA[1:] == restB[1:]
	}
}

// shortestSimilar is the length from which a name with a wrong letter is
// still recognised.
const shortestSimilar = 4

func plainName(name string) string {
	return strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(name))
}

// isShortFor tells whether one of two values is a longer or shorter form of the other, as
// warning and warn, or else another spelling of it.
func isShortFor(a, b string) bool {
	const shortest = 2
	long, short := strings.ToLower(a), strings.ToLower(b)
	if len(long) < len(short) {
		long, short = short, long
	}
	return len(short) >= shortest && strings.HasPrefix(long, short) || similar(a, b)
}
