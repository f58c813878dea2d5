package config

import (
	"strings"
)

// unknownSetting says what is wrong with a name that is not among the known ones.
func unknownSetting(name string, known []string) string {
	for _, k := range known {
		if similar(name, k) {
			return "unknown setting; did you mean " + k + "?"
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
