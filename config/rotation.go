package config

import (
	"fmt"
	"path"
	"strings"
	"time"
)

// shortestAge is the shortest that maxAge and deleteAfter may be: a rotation
// takes milliseconds, and whoever reads a log needs time to follow.
const shortestAge = time.Second

func checkRotation(c Configuration, fault faultFunc) {
	checkOverride(fault, "rotation", c.Rotation.override())
	checkTogether(c, fault, "rotation", c.Rotation.override(), c.Rotation)
}

// checkOverride checks the settings of a rotation that are set, each by itself.
func checkOverride(fault faultFunc, at string, r RotationOverride) {
	if r.MaxSize != nil && *r.MaxSize == 0 {
		fault(at+".maxSize", "must be more than 0, or negative to turn rotation off")
	}
	checkAtLeast(fault, at+".maxFiles", r.MaxFiles, 2)
	checkAtLeast(fault, at+".maxFilesUnread", r.MaxFilesUnread, 0)
	checkAge(fault, at+".maxAge", r.MaxAge)
	checkAge(fault, at+".deleteAfter", r.DeleteAfter)
	checkAtLeast(fault, at+".maxTotalSize", r.MaxTotalSize, 0)
	if r.Compression != nil {
		checkOneOf(fault, at+".compression", *r.Compression, CompressionNone, CompressionGzip, CompressionZstd)
	}
	checkAtLeast(fault, at+".compressAfter", r.CompressAfter, 0)
	checkAtLeast(fault, at+".keepAfterRemoval", r.KeepAfterRemoval, 0)
}

func checkAge(fault faultFunc, at string, age *time.Duration) {
	if age != nil && *age != 0 && *age < shortestAge {
		fault(at, "must be at least %s, or 0s for off, is %s", shortestAge, *age)
	}
}

// checkTogether checks the settings of a rotation against each other. What is
// set and wrong by itself has a fault already.
func checkTogether(c Configuration, fault faultFunc, at string, set RotationOverride, r Rotation) {
	if r.MaxTotalSize > 0 && r.MaxTotalSize < r.MaxSize {
		switch {
		case set.MaxTotalSize != nil:
			fault(at+".maxTotalSize", "must be at least maxSize (%s), or 0 for off, is %s", r.MaxSize, r.MaxTotalSize)
		case set.MaxSize != nil:
			fault(at+".maxSize", "must not be above maxTotalSize (%s), is %s", r.MaxTotalSize, r.MaxSize)
		}
	}
	if r.MaxAge > 0 && r.MaxSize < 0 {
		switch {
		case set.MaxAge != nil:
			fault(at+".maxAge", "must be 0s for off where maxSize (%s) turns rotation off, is %s", r.MaxSize, r.MaxAge)
		case set.MaxSize != nil:
			fault(at+".maxSize", "must not turn rotation off while maxAge is %s, is %s", r.MaxAge, r.MaxSize)
		}
	}
	if set.KeepAfterRemoval != nil && r.KeepAfterRemoval > 0 && c.KeepDir == "" {
		fault(at+".keepAfterRemoval", "needs keepDir, which is empty")
	}
}

func checkPolicies(c Configuration, fault faultFunc) {
	for i, p := range c.Policies {
		at := fmt.Sprintf("policies[%d]", i)
		checkPattern(fault, at+".match.namespace", p.Match.Namespace)
		checkPodLabels(fault, at+".match.podLabels", p.Match.PodLabels)
		checkPattern(fault, at+".match.container", p.Match.Container)
		checkOverride(fault, at+".rotation", p.Rotation)
		checkTogether(c, fault, at+".rotation", p.Rotation, p.Rotation.Over(c.Rotation))
	}
}

func checkPattern(fault faultFunc, at, pattern string) {
	switch _, err := path.Match(pattern, ""); {
	case err != nil:
		fault(at, "must be a shell pattern such as batch-*, is %q", pattern)
	case strings.Contains(pattern, "[!"):
		fault(at, "must say [^ and not [! for what is not to match, is %q", pattern)
	case strings.ContainsAny(pattern, "{},/_ "):
		fault(at, "holds what no name has, so it matches none, is %q", pattern)
	}
}

func checkAnnotations(c Configuration, fault faultFunc) {
	ceiling := c.Annotations.Ceiling
	if c.Annotations.Enabled {
		checkAtLeast(fault, "annotations.ceiling.maxSize", &ceiling.MaxSize, 1)
		checkAtLeast(fault, "annotations.ceiling.maxFiles", &ceiling.MaxFiles, 2)
	} else {
		checkAtLeast(fault, "annotations.ceiling.maxSize", &ceiling.MaxSize, 0)
		checkAtLeast(fault, "annotations.ceiling.maxFiles", &ceiling.MaxFiles, 0)
	}
	checkAtLeast(fault, "annotations.ceiling.keepAfterRemoval", &ceiling.KeepAfterRemoval, 0)
}
