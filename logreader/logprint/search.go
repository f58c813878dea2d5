package logprint

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// searchLimit is how many bytes of a line are searched at most.
const searchLimit = 1 << 20

// Search is which lines are shown: those in which one of the patterns is found. Each container's
// lines are searched for themselves, across its attempts. Of a line longer than a mebibyte only
// so much is searched.
type Search struct {
	Patterns []Pattern
	// Invert shows the lines in which none is found.
	Invert bool
	// Context shows lines around those; nil: none.
	Context *Context
}

// Context is how many lines are shown before and after one that was looked for. As in grep,
// groups of lines that do not follow one another are kept apart by a line "--"; not in JSON.
type Context struct{ Before, After int }

// Pattern is what is looked for in lines.
type Pattern struct {
	expression *regexp.Regexp
	literals   [][]byte // what alone the expression means, unless there are none
}

// Compile understands a regular expression as RE2 has them (https://github.com/google/re2/wiki/Syntax).
// What is no UTF-8 in a line matches as U+FFFD.
func Compile(expression string, ignoreCase bool) (Pattern, error) {
	compiled, err := regexp.Compile(expression)
	if err != nil {
		return Pattern{}, fmt.Errorf("pattern %q: %w", expression, err)
	}
	if ignoreCase {
		if compiled, err = regexp.Compile("(?i:" + expression + ")"); err != nil {
			return Pattern{}, fmt.Errorf("pattern %q: %w", expression, err)
		}
	}
	p := Pattern{expression: compiled}
	if !ignoreCase {
		p.literals = literalsOf(expression)
	}
	return p, nil
}

// literalsOf are the texts of which an expression such as panic|fatal finds any; nil: it finds
// something else. They are found several times as fast.
func literalsOf(expression string) (all [][]byte) {
	for part := range strings.SplitSeq(expression, "|") {
		if part == "" || regexp.QuoteMeta(part) != part || strings.ContainsRune(part, utf8.RuneError) {
			return nil
		}
		all = append(all, []byte(part))
	}
	return all
}

func (p Pattern) in(text []byte) bool {
	if len(p.literals) == 0 {
		return p.expression.Match(text)
	}
	return slices.ContainsFunc(p.literals, func(literal []byte) bool { return bytes.Contains(text, literal) })
}

// selects tells whether a line is one of those that are looked for.
func (s Search) selects(text []byte) bool {
	text = text[:min(len(text), searchLimit)]
	return slices.ContainsFunc(s.Patterns, func(p Pattern) bool { return p.in(text) }) != s.Invert
}

// mostFound is how many parts of a line are marked for a pattern.
const mostFound = 1000

// found are the parts of a text that were looked for, as pairs of offsets in their order, none
// empty and none within another.
func (s Search) found(text []byte) []int {
	if s.Invert {
		return nil
	}
	text = text[:min(len(text), searchLimit)]
	var all [][]int
	for _, p := range s.Patterns {
		all = append(all, p.expression.FindAllIndex(text, mostFound)...)
	}
	slices.SortFunc(all, func(a, b []int) int { return a[0] - b[0] })
	var pairs []int
	for _, part := range all {
		switch {
		case part[0] == part[1]:
		case len(pairs) > 0 && part[0] <= pairs[len(pairs)-1]:
			pairs[len(pairs)-1] = max(pairs[len(pairs)-1], part[1])
		default:
			pairs = append(pairs, part[0], part[1])
		}
	}
	return pairs
}
