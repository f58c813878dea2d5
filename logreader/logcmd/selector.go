package logcmd

import (
	"fmt"
	"slices"
	"strings"
)

// Selector is a set of requirements on labels, all of which must be met.
type Selector []requirement

// requirement is on one label: to be there or not, or to have one of some values or none of
// them.
type requirement struct {
	key    string
	values []string // nil: any
	not    bool
}

// ParseSelector reads requirements as kubectl takes them:
//
//	key=value, key==value, key!=value, key, !key, key in (a, b), key notin (a, b)
func ParseSelector(text string) (Selector, error) {
	var s Selector
	for _, part := range splitOutside(text) {
		r, err := parseRequirement(strings.TrimSpace(part))
		if err != nil {
			return nil, fmt.Errorf("--selector %q: %w", text, err)
		}
		s = append(s, r)
	}
	return s, nil
}

// splitOutside splits at commas that are in no parentheses.
func splitOutside(text string) []string {
	var parts []string
	begin, depth := 0, 0
	for i, c := range []byte(text) {
		switch {
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ',' && depth == 0:
			parts = append(parts, text[begin:i])
			begin = i + 1
		}
	}
	return append(parts, text[begin:])
}

func parseRequirement(text string) (requirement, error) {
	if key, value, ok := strings.Cut(text, "!="); ok {
		return newRequirement(key, []string{value}, true)
	}
	if key, value, ok := strings.Cut(text, "="); ok {
		return newRequirement(key, []string{strings.TrimPrefix(value, "=")}, false)
	}
	if key, ok := strings.CutPrefix(text, "!"); ok {
		return newRequirement(key, nil, true)
	}
	rest, ok := strings.CutSuffix(text, ")")
	if !ok {
		return newRequirement(text, nil, false)
	}
	head, list, ok := strings.Cut(rest, "(")
	words := strings.Fields(head)
	if !ok || len(words) != 2 || words[1] != "in" && words[1] != "notin" {
		return requirement{}, fmt.Errorf("%q: must be key in (a, b) or key notin (a, b)", text)
	}
	return newRequirement(words[0], strings.Split(list, ","), words[1] == "notin")
}

func newRequirement(key string, values []string, not bool) (requirement, error) {
	r := requirement{key: strings.TrimSpace(key), not: not}
	if r.key == "" || strings.ContainsAny(r.key, " \t()=!,") {
		return r, fmt.Errorf("%q is no label's name", r.key)
	}
	for _, value := range values {
		value = strings.TrimSpace(value)
		if strings.ContainsAny(value, " \t()=!,") {
			return r, fmt.Errorf("%q is no label's value", value)
		}
		r.values = append(r.values, value)
	}
	return r, nil
}

// Matches tells whether labels meet all requirements.
func (s Selector) Matches(labels map[string]string) bool {
	for _, r := range s {
		value, there := labels[r.key]
		meets := there && (r.values == nil || slices.Contains(r.values, value))
		if meets == r.not {
			return false
		}
	}
	return true
}
