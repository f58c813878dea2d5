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

const (
	// smallestSize is the smallest size that a log may be held to: a block of the file
	// system, which a file takes anyway. As a log is rotated fifty times a second at
	// most, a limit of some bytes, which is a forgotten unit, would not be kept either.
	smallestSize Size = 4 << 10
	// smallestBudget is the smallest budget of a node: less would remove every rotated
	// log.
	smallestBudget Size = 1 << 20
)

func checkRotation(c Configuration, fault faultFunc) {
	checkOverride(fault, "rotation", c.Rotation.override())
	checkTogether(c, fault, "rotation", c.Rotation.override(), c.Rotation)
}

// checkOverride checks the settings of a rotation that are set, each by itself.
func checkOverride(fault faultFunc, at string, r RotationOverride) {
	if r.MaxSize != nil && *r.MaxSize >= 0 {
		checkSize(fault, at+".maxSize", *r.MaxSize, smallestSize, ", or negative to turn rotation off")
	}
	checkAtLeast(fault, at+".maxFiles", r.MaxFiles, 2)
	checkAtLeast(fault, at+".maxFilesUnread", r.MaxFilesUnread, 0)
	checkAge(fault, at+".maxAge", r.MaxAge)
	checkAge(fault, at+".deleteAfter", r.DeleteAfter)
	if r.MaxTotalSize != nil && *r.MaxTotalSize != 0 {
		checkSize(fault, at+".maxTotalSize", *r.MaxTotalSize, smallestSize, ", or 0 for off")
	}
	if r.Compression != nil {
		checkOneOf(fault, at+".compression", *r.Compression, CompressionNone, CompressionGzip, CompressionZstd)
	}
	checkAtLeast(fault, at+".compressAfter", r.CompressAfter, 0)
	checkAtLeast(fault, at+".keepAfterRemoval", r.KeepAfterRemoval, 0)
}

// checkSize refuses sizes that are too small to be meant. Or says what else is allowed.
func checkSize(fault faultFunc, at string, size, least Size, or string) {
	if size >= least {
		return
	}
	hint := ""
	if size > 0 && size%(1<<10) != 0 {
		hint = fmt.Sprintf("%s%dMi?", unitHint, size)
	}
	fault(at, "must be at least %s%s, is %s%s", least, or, size, hint)
}

func checkAge(fault faultFunc, at string, age *time.Duration) {
	if age != nil && *age != 0 && *age < shortestAge {
		fault(at, "must be at least %s, or 0s for off, is %s", shortestAge, *age)
	}
}

// checkTogether checks the settings of a rotation against each other. What is
// set and wrong by itself has a fault already.
func checkTogether(c Configuration, fault faultFunc, at string, set RotationOverride, r Rotation) {
	if r.MaxTotalSize >= smallestSize && r.MaxTotalSize < r.MaxSize {
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
		checkSize(fault, "annotations.ceiling.maxSize", ceiling.MaxSize, smallestSize, "")
		checkAtLeast(fault, "annotations.ceiling.maxFiles", &ceiling.MaxFiles, 2)
	} else {
		checkAtLeast(fault, "annotations.ceiling.maxSize", &ceiling.MaxSize, 0)
		checkAtLeast(fault, "annotations.ceiling.maxFiles", &ceiling.MaxFiles, 0)
	}
	checkAtLeast(fault, "annotations.ceiling.keepAfterRemoval", &ceiling.KeepAfterRemoval, 0)
}
