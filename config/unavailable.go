package config

import "reflect"

// A setting that does nothing is never accepted: the format is complete, and
// this table is what the present version does not do yet. Making a setting
// available is deleting its line.

// unavailableSetting is a setting, or some values of it, that this version
// does not have.
type unavailableSetting struct {
	path string
	// offText is how a file may write it all the same.
	offText string
	// off puts the setting to what this version does; a no-op where it is so.
	off func(*Configuration)
	// partly says that the setting exists and only some values are missing.
	partly bool
}

func unavailable() []unavailableSetting {
	return []unavailableSetting{
		{path: "mode", offText: "proxy", partly: true, off: onlyProxy},
		{path: "rotation.maxFilesUnread", offText: "0", off: noFilesUnread},
		{path: "rotation.maxAge", offText: "0s", off: func(c *Configuration) { c.Rotation.MaxAge = 0 }},
		{path: "rotation.maxTotalSize", offText: `""`, off: func(c *Configuration) { c.Rotation.MaxTotalSize = 0 }},
		{path: "rotation.keepAfterRemoval", offText: "0s", off: func(c *Configuration) { c.Rotation.KeepAfterRemoval = 0 }},
		{path: "files.group", offText: `""`, off: func(c *Configuration) { c.Files.Group = "" }},
		{path: "files.mode", offText: `""`, off: func(c *Configuration) { c.Files.Mode = 0 }},
		{path: "policies", offText: "[]", off: func(c *Configuration) { c.Policies = nil }},
		{path: "annotations.enabled", offText: "false", off: func(c *Configuration) { c.Annotations.Enabled = false }},
		{path: "annotations.ceiling.maxSize", offText: `""`, off: func(c *Configuration) { c.Annotations.Ceiling.MaxSize = 0 }},
		{path: "annotations.ceiling.maxFiles", offText: "0", off: func(c *Configuration) { c.Annotations.Ceiling.MaxFiles = 0 }},
		{path: "annotations.ceiling.keepAfterRemoval", offText: "0s", off: func(c *Configuration) { c.Annotations.Ceiling.KeepAfterRemoval = 0 }},
		{path: "node.maxBytes", offText: `""`, off: func(c *Configuration) { c.Node.MaxBytes = 0 }},
		{path: "node.minFree", offText: `""`, off: func(c *Configuration) { c.Node.MinFree = Floor{} }},
		{path: "node.minFreeInodes", offText: `""`, off: func(c *Configuration) { c.Node.MinFreeInodes = Floor{} }},
		{path: "keepDir", offText: `""`, off: func(c *Configuration) { c.KeepDir = "" }},
	}
}

func onlyProxy(c *Configuration) {
	if c.Mode == ModeObserve || c.Mode == ModeManage {
		c.Mode = ModeProxy
	}
}

func noFilesUnread(c *Configuration) {
	if c.Rotation.MaxFilesUnread > c.Rotation.MaxFiles {
		c.Rotation.MaxFilesUnread = 0
	}
}

// checkAvailable reports every setting that asks for something this version
// does not do.
func checkAvailable(c Configuration, fault faultFunc) {
	for _, s := range unavailable() {
		off := c
		s.off(&off)
		switch {
		case reflect.DeepEqual(off, c):
		case s.partly:
			fault(s.path, "this value is not available in this version; must be %s", s.offText)
		default:
			fault(s.path, "is not available in this version; leave it out or set it to %s", s.offText)
		}
	}
}
