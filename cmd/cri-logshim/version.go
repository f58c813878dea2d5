package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set by the linker (-X main.version=v1.2.3); without it the
// module's own version counts.
var version string

const versionExample = `  cri-logshim version
  cri-logshim version -o json`

// buildInfo is what this binary knows of itself.
type buildInfo struct {
	Version  string `json:"version"`
	Commit   string `json:"commit"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func newVersionCommand() *cobra.Command {
	var out *output
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the version of this binary",
		Example: versionExample,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			info := readBuildInfo()
			return out.print(cmd.OutOrStdout(), info, info.printText)
		},
	}
	out = addOutputFlag(cmd, outputText, outputJSON, outputYAML)
	return cmd
}

// readBuildInfo joins what the linker was told with what the Go toolchain
// wrote down by itself.
func readBuildInfo() buildInfo {
	info := buildInfo{
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

func (b buildInfo) printText(w io.Writer) error {
	_, err := fmt.Fprintf(w, "cri-logshim %s\ncommit:   %s\ngo:       %s\nplatform: %s\n", b.Version, b.Commit, b.Go, b.Platform)
	return err
}
