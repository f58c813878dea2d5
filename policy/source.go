package policy

import (
	"fmt"

	"github.com/cri-logshim/cri-logshim/config"
)

// Kind is one of the places that a setting may come from.
type Kind string

// The places, the weakest first.
const (
	FromDefault       Kind = "default"
	FromConfiguration Kind = "configuration"
	FromPolicy        Kind = "policy"
	FromAnnotation    Kind = "annotation"
)

// Source is where a setting came from.
type Source struct {
	Kind Kind
	// Key is the setting's path in the configuration, the rule or the annotation's
	// key; empty for a default.
	Key string
	// Line is the line of Key in the configuration file; 0: unknown, or not there.
	Line int
}

// String returns the source as "rotation.maxSize (line 5)".
func (s Source) String() string {
	text := s.Key
	switch s.Kind {
	case FromAnnotation:
		text = "annotation " + s.Key
	case FromDefault:
		return "default"
	case FromConfiguration, FromPolicy:
	}
	if s.Line > 0 {
		text += fmt.Sprintf(" (line %d)", s.Line)
	}
	return text
}

// Setting is one setting of a resolution.
type Setting struct {
	Name   string
	Value  string // as in a configuration file, or off
	Source Source
}

// Settings returns every setting in the order of the manual.
func (res Resolution) Settings() []Setting {
	var all []Setting
	for _, name := range config.RotationSettings() {
		source, known := res.sources[name]
		if !known {
			source = Source{Kind: FromDefault}
		}
		all = append(all, Setting{Name: name, Value: res.Rotation.Text(name), Source: source})
	}
	return all
}

// policyKey is the path of a rule in the configuration.
func policyKey(i int) string { return fmt.Sprintf("policies[%d]", i) }
