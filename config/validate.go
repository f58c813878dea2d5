package config

import (
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// maxDrainTimeout bounds how long a daemon goes on that is told to end; the unit's
// TimeoutStopSec is longer.
const maxDrainTimeout = time.Minute

// Validate reports everything that is wrong with c, as one error that joins a
// Fault for each.
func (c Configuration) Validate() error {
	return c.faults().join()
}

func (c Configuration) faults() faults {
	var found faults
	for _, check := range []func(Configuration, faultFunc){
		checkFormat,
		checkEndpoints,
		checkDirectories,
		checkRotation,
		checkFiles,
		checkPolicies,
		checkAnnotations,
		checkNode,
		checkAdmin,
		checkLog,
	} {
		check(c, found.add)
	}
	return found
}

func checkFormat(c Configuration, fault faultFunc) {
	checkOneOf(fault, "apiVersion", c.APIVersion, APIVersion)
	checkOneOf(fault, "kind", c.Kind, Kind)
	checkOneOf(fault, "mode", c.Mode, ModeObserve, ModeManage, ModeProxy)
	if c.DrainTimeout < 0 || c.DrainTimeout > maxDrainTimeout {
		fault("drainTimeout", "must be from 0s to %s, is %s", maxDrainTimeout, c.DrainTimeout)
	}
}

func checkDirectories(c Configuration, fault faultFunc) {
	checkDirectory(fault, "podLogsDir", c.PodLogsDir)
	if dir := c.Links.LegacyDir; dir != "" {
		checkDirectory(fault, "links.legacyDir", dir)
		checkApart(fault, "links.legacyDir", dir, "podLogsDir", c.PodLogsDir)
	}
	if c.KeepDir != "" {
		checkDirectory(fault, "keepDir", c.KeepDir)
		checkApart(fault, "keepDir", c.KeepDir, "podLogsDir", c.PodLogsDir)
		checkApart(fault, "keepDir", c.KeepDir, "links.legacyDir", c.Links.LegacyDir)
	}
}

func checkDirectory(fault faultFunc, at, dir string) {
	if !filepath.IsAbs(dir) || filepath.Clean(dir) != dir || dir == "/" || strings.ContainsRune(dir, 0) {
		fault(at, "must be an absolute path without trailing slash, // or .., is %q", dir)
	}
}

// checkApart refuses directories that hold one another: files of one would be
// taken for files of the other.
func checkApart(fault faultFunc, at, dir, otherAt, other string) {
	if other == "" {
		return // A fault of its own.
	}
	if dir == other || strings.HasPrefix(dir, other+"/") || strings.HasPrefix(other, dir+"/") {
		fault(at, "must be neither inside nor around %s (%q), is %q", otherAt, other, dir)
	}
}

func checkFiles(c Configuration, fault faultFunc) {
	if c.Files.Group != "" && !isGroup(c.Files.Group) {
		fault("files.group", "must be the name or number of a group, is %q", c.Files.Group)
	}
	// The owner must be able to write, and nobody else: a log is evidence.
	if mode := c.Files.Mode; mode != 0 && (mode&0o600 != 0o600 || mode&^0o664 != 0) {
		fault("files.mode", "must let the owner read and write, others not write, and nobody execute (0600 to 0664), is %s", mode)
	}
}

func isGroup(name string) bool {
	return len(name) <= 32 && !strings.HasPrefix(name, "-") &&
		!strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`:,/\`, r) })
}

func checkNode(c Configuration, fault faultFunc) {
	if c.Node.MaxBytes != 0 {
		checkSize(fault, "node.maxBytes", c.Node.MaxBytes, smallestBudget, ", or 0 for off")
	}
	checkFloor(fault, "node.minFree", c.Node.MinFree)
	if n := c.Node.MinFree.Amount; n > 0 && n < 100 {
		fault("node.minFree", "is %d bytes; did you mean %d%%?", n, n)
	}
	checkFloor(fault, "node.minFreeInodes", c.Node.MinFreeInodes)
}

func checkFloor(fault faultFunc, at string, f Floor) {
	if f.Percent < 0 || f.Percent >= 100 || f.Amount < 0 || f.Percent != 0 && f.Amount != 0 {
		fault(at, "must be an amount or a percentage below 100%%, not negative, is %+v", f)
	}
}

func checkLog(c Configuration, fault faultFunc) {
	checkOneOf(fault, "log.level", c.Log.Level, LogTrace, LogDebug, LogInfo, LogWarn, LogError)
	checkOneOf(fault, "log.format", c.Log.Format, LogText, LogJSON)
}

// checkAtLeast checks a value that may be absent.
func checkAtLeast[T ~int | ~int64](fault faultFunc, at string, value *T, least T) {
	if value != nil && *value < least {
		fault(at, "must be at least %v, is %v", least, *value)
	}
}

func checkOneOf[T ~string](fault faultFunc, at string, value T, allowed ...T) {
	if slices.Contains(allowed, value) {
		return
	}
	names := make([]string, 0, len(allowed))
	for _, a := range allowed {
		names = append(names, string(a))
	}
	if value == "" {
		fault(at, "must be %s, is missing or empty", strings.Join(names, " or "))
		return
	}
	for _, a := range names {
		if isShortFor(a, string(value)) {
			fault(at, "must be %s, is %q; did you mean %s?", strings.Join(names, " or "), value, a)
			return
		}
	}
	fault(at, "must be %s, is %q", strings.Join(names, " or "), value)
}
