package policy

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/logmgr"
)

const (
	// maxValue is longer than any value that makes sense, in bytes.
	maxValue = 64
	// maxKey is the longest key that Kubernetes lets pass, in bytes: a DNS name, a slash
	// and a name. Other clients of the runtime are not bound to it.
	maxKey = 253 + 1 + 63
)

// Problem is an annotation that is not followed as it stands.
type Problem struct {
	// Annotation is the annotation's key, cut where no Kubernetes lets it be so long.
	Annotation string
	// Value is what it says, cut where that is long.
	Value string
	// Message says what is wrong.
	Message string
	// Ignored tells an annotation that is not followed at all from one that is held
	// to a bound.
	Ignored bool
}

// String returns the problem on one line.
func (p Problem) String() string {
	key := p.Annotation
	if !utf8.ValidString(key) || strings.ContainsFunc(key, func(r rune) bool { return !unicode.IsPrint(r) }) {
		key = strconv.Quote(key) // no key that Kubernetes lets pass
	}
	text := fmt.Sprintf("annotation %s: %q: %s", key, p.Value, p.Message)
	if p.Ignored {
		text += "; ignored"
	}
	return text
}

// heading says in short what becomes of the annotation.
func (p Problem) heading() string {
	if p.Ignored {
		return "annotation ignored"
	}
	return "annotation held to a bound"
}

// applyAnnotations puts a pod's annotations over what the node says.
func (r *Resolver) applyAnnotations(res *Resolution, c logmgr.Container) {
	if len(c.PodAnnotations) == 0 {
		return
	}
	known := config.RotationSettings()
	node := res.Rotation
	// In the order of the settings: maxTotalSize is bounded by maxSize.
	for _, name := range known {
		for _, prefix := range prefixes(c) {
			key := prefix + name
			text, asked := c.PodAnnotations[key]
			if asked && r.applyAnnotation(res, node, name, key, text) {
				break
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(c.PodAnnotations)) {
		if name, ours := settingOf(key, c); ours && !slices.Contains(known, name) {
			_, err := config.ParseRotationSetting(name, "")
			res.problem(key, c.PodAnnotations[key], err, true)
		}
	}
}

// prefixes are what the keys of a container's annotations begin with; the
// first that has a setting decides.
func prefixes(c logmgr.Container) [2]string {
	return [2]string{c.Name + "." + logmgr.AnnotationDomain + "/", logmgr.AnnotationDomain + "/"}
}

func settingOf(key string, c logmgr.Container) (name string, ours bool) {
	for _, prefix := range prefixes(c) {
		if name, ours := strings.CutPrefix(key, prefix); ours {
			return name, true
		}
	}
	return "", false
}

// applyAnnotation follows one annotation, within bounds, and tells whether it
// could be read.
func (r *Resolver) applyAnnotation(res *Resolution, node config.Rotation, name, key, text string) bool {
	asked, err := parseAnnotation(name, text)
	if err == nil {
		var bound error
		asked, bound, err = r.hold(name, asked, node, res.Rotation)
		if bound != nil {
			res.problem(key, text, bound, false)
		}
	}
	if err != nil {
		res.problem(key, text, err, true)
		return false
	}
	res.Rotation = asked.Over(res.Rotation)
	res.sources[name] = Source{Kind: FromAnnotation, Key: key}
	return true
}

func parseAnnotation(name, text string) (config.RotationOverride, error) {
	if len(text) > maxValue {
		return config.RotationOverride{}, fmt.Errorf("must not be longer than %d bytes", maxValue)
	}
	if text == "" {
		return config.RotationOverride{}, errors.New("has no value")
	}
	return config.ParseRotationSetting(name, text)
}

func (res *Resolution) problem(key, value string, err error, ignored bool) {
	res.Problems = append(res.Problems, Problem{Annotation: cut(key, maxKey), Value: cut(value, maxValue), Message: err.Error(), Ignored: ignored})
}

// cut bounds a text to a number of bytes, visibly.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return text[:most] + "…"
}
