package policy

import (
	"path"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/logmgr"
	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
)

// Resolver knows the policy of every container under one configuration.
type Resolver struct {
	config config.Configuration
	lines  config.Lines
}

// New returns a Resolver for a valid configuration. Lines are where its settings
// stand in their file; nil: unknown, and then each counts as a default.
func New(c config.Configuration, lines config.Lines) *Resolver {
	return &Resolver{config: c, lines: lines}
}

// Resolution is what holds for one container, and why.
type Resolution struct {
	// Rotation is what holds. It is as valid as the configuration it came from.
	Rotation config.Rotation
	// Problems are what is wrong with the pod's annotations, in their order.
	Problems []Problem
	// Fixed is the place in the configuration that keeps the pod's annotations from being
	// looked at; the zero value: they are.
	Fixed Source

	sources map[string]Source // of what is not a default, by the setting's name
}

// Resolve returns what holds for a container. It waits for nothing.
func (r *Resolver) Resolve(c logmgr.Container) Resolution {
	res := Resolution{Rotation: r.config.Rotation, sources: map[string]Source{}}
	for _, name := range config.RotationSettings() {
		if line, set := r.lines["rotation."+name]; set {
			res.sources[name] = Source{Kind: FromConfiguration, Key: "rotation." + name, Line: line}
		}
	}
	r.applyRule(&res, c)
	if !r.config.Annotations.Enabled {
		const key = "annotations.enabled"
		res.Fixed = Source{Kind: FromConfiguration, Key: key, Line: r.lines[key]}
	}
	if res.Fixed == (Source{}) {
		r.applyAnnotations(&res, c)
	}
	return res
}

func (r *Resolver) applyRule(res *Resolution, c logmgr.Container) {
	for i, p := range r.config.Policies {
		if !matches(p.Match, c) {
			continue
		}
		res.Rotation = p.Rotation.Over(res.Rotation)
		for _, name := range config.RotationSettings() {
			if p.Rotation.Sets(name) {
				res.sources[name] = Source{Kind: FromPolicy, Key: policyKey(i), Line: r.lines[policyKey(i)]}
			}
		}
		if p.Annotations != nil && !*p.Annotations {
			key := policyKey(i) + ".annotations"
			res.Fixed = Source{Kind: FromPolicy, Key: key, Line: r.lines[key]}
		}
		return
	}
}

// matches tells whether a rule is for a container.
func matches(m config.Match, c logmgr.Container) bool {
	for name, value := range m.PodLabels {
		if has, ok := c.PodLabels[name]; !ok || has != value {
			return false
		}
	}
	return fits(m.Namespace, c.Namespace) && fits(m.Container, c.Name)
}

// fits tells whether a name has the form of a pattern; the empty one fits all.
func fits(pattern, name string) bool {
	if pattern == "" {
		return true
	}
	fits, err := path.Match(pattern, name)
	return fits && err == nil // the pattern was checked with the configuration
}

// Policy returns what holds in the log manager's terms.
func (res Resolution) Policy() logmgr.Policy {
	r := res.Rotation
	return logmgr.Policy{
		MaxSize:          int64(r.MaxSize),
		MaxFiles:         r.MaxFiles,
		MaxFilesUnread:   r.MaxFilesUnread,
		MaxAge:           r.MaxAge,
		DeleteAfter:      r.DeleteAfter,
		MaxTotalSize:     int64(r.MaxTotalSize),
		Compression:      compression(r.Compression),
		CompressAfter:    r.CompressAfter,
		KeepAfterRemoval: r.KeepAfterRemoval,
	}
}

func compression(c config.Compression) logfile.Compression {
	switch c {
	case config.CompressionGzip:
		return logfile.Gzip
	case config.CompressionZstd:
		return logfile.Zstd
	case config.CompressionNone:
	}
	return logfile.Plain
}
