package edit

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// SetFlag gives a flag (such as --container-runtime-endpoint) another value in a text that
// holds a command line or a part of one, as a unit or a file of environment variables does:
// the last one that does not stand in a comment. Both forms of flags, "=" and a space, and
// quotes around the value or all of it stay as they are. The value must need no quotes. An
// error is ErrForm: there is no such flag that could be changed.
func SetFlag(text []byte, flag, value string) ([]byte, error) {
	begin, end, found := findFlag(text, flag)
	if !found {
		return nil, fmt.Errorf("%s %w", flag, ErrForm)
	}
	return splice(text, begin, end, value), nil
}

// LookupFlag returns the value that SetFlag would change.
func LookupFlag(text []byte, flag string) (value string, found bool) {
	begin, end, found := findFlag(text, flag)
	return string(text[begin:end]), found
}

// findFlag is where the value of the last such flag begins and ends.
func findFlag(text []byte, flag string) (begin, end int, found bool) {
	pattern := regexp.MustCompile(`(^|[\s"'=])` + regexp.QuoteMeta(flag) + `(=|[ \t]+|[ \t]*\\\r?\n[ \t]*)["']?([^\s"'\\]+)`)
	for _, at := range slices.Backward(pattern.FindAllSubmatchIndex(text, -1)) {
		if !inComment(text, at[0]) {
			return at[6], at[7], true
		}
	}
	return 0, 0, false
}

// inComment says whether the line that holds a place is a comment: systemd's begin with # or ;.
func inComment(text []byte, place int) bool {
	before := string(text[:place])
	line := before[strings.LastIndexByte(before, '\n')+1:]
	if place < len(text) && text[place] == '\n' {
		return false // the flag begins the next line
	}
	line = strings.TrimLeft(line, " \t")
	return strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";")
}

// Flag returns the value of a flag among the words of a command line; the last one counts.
func Flag(words []string, flag string) (value string, place int, found bool) {
	for i, word := range words {
		if word == flag && i+1 < len(words) {
			value, place, found = words[i+1], i+1, true
		} else if rest, is := strings.CutPrefix(word, flag+"="); is {
			value, place, found = rest, i, true
		}
	}
	return value, place, found
}
