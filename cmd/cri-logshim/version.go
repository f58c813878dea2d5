package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/cri-logshim/cri-logshim/buildinfo"
)

// version is set by the linker (-X main.version=v1.2.3); without it the
// module's own version counts.
var version string

const versionExample = `  cri-logshim version
  cri-logshim version -o json`

func newVersionCommand() *cobra.Command {
	var out *output
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the version of this binary",
		Example: versionExample,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			info := readBuildInfo()
			return out.print(cmd.OutOrStdout(), info, func(w io.Writer) error { return info.Print(w, "cri-logshim") })
		},
	}
	out = addOutputFlag(cmd, outputText, outputJSON, outputYAML)
	return cmd
}

func readBuildInfo() buildinfo.Info { return buildinfo.Read(version) }
