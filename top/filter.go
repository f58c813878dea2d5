package top

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/cri-logshim/cri-logshim/admin/api"
)

// Filter says which logs are shown. The zero value shows all.
type Filter struct {
	// Namespace shows the logs of one namespace; empty: of all.
	Namespace string
	text      string
	pattern   *regexp.Regexp // nil: text is searched for as it stands
}

// NewFilter returns the filter for what an operator has typed: an RE2 expression, in any case,
// that is searched for in namespace/pod/container. While it is none, as "web-(" before its end
// is typed, the text is searched for as it stands. A container is also found by how its ID begins.
func NewFilter(namespace, text string) Filter {
	pattern, err := regexp.Compile("(?i)" + text)
	if err != nil {
		pattern = nil
	}
	return Filter{Namespace: namespace, text: text, pattern: pattern}
}

// ParseFilter is NewFilter for a text that nobody is typing any more: one that is no expression
// is an error.
func ParseFilter(namespace, text string) (Filter, error) {
	f := NewFilter(namespace, text)
	if f.pattern == nil {
		_, err := regexp.Compile(text)
		return Filter{}, fmt.Errorf("expression %q: %w", text, err)
	}
	return f, nil
}

// shows tells whether a log is shown.
func (f Filter) shows(l api.Log) bool {
	if f.Namespace != "" && l.Namespace != f.Namespace {
		return false
	}
	if f.text == "" {
		return true
	}
	name := fullName(l)
	if f.pattern == nil {
		return strings.Contains(strings.ToLower(name), strings.ToLower(f.text))
	}
	return f.pattern.MatchString(name) || strings.HasPrefix(l.ID, f.text)
}

// choose returns the logs that are shown.
func (f Filter) choose(logs []api.Log) []api.Log {
	var chosen []api.Log
	for _, l := range logs {
		if f.shows(l) {
			chosen = append(chosen, l)
		}
	}
	return chosen
}

// fullName is what a log is called by people.
func fullName(l api.Log) string { return l.Namespace + "/" + l.Pod + "/" + l.Container }
