// Package buildinfo is what a binary of this repository knows of itself.
package buildinfo

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
)

// Info is where a binary comes from.
type Info struct {
	Version  string `json:"version"`
	Commit   string `json:"commit"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// Read joins the version that the linker was told, if any, with what the Go toolchain wrote down by
// itself.
func Read(version string) Info {
	info := Info{
		Version:  version,
		Commit:   "unknown",
		Go:       runtime.Version(),
		Platform: runtime.GOOS + "/" + runtime.GOARCH,
	}
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return info
	}
	if info.Version == "" {
		info.Version = build.Main.Version
	}
	for _, setting := range build.Settings {
		if setting.Key == "vcs.revision" {
			info.Commit = setting.Value
		}
	}
	return info
}

// Print writes it for people.
func (i Info) Print(w io.Writer, program string) error {
	_, err := fmt.Fprintf(w, "%s %s\ncommit:   %s\ngo:       %s\nplatform: %s\n", program, i.Version, i.Commit, i.Go, i.Platform)
	return err
}
