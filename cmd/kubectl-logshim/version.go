package main

import (
	"encoding/json"

	"github.com/spf13/cobra"

	"github.com/cri-logshim/cri-logshim/buildinfo"
	"github.com/cri-logshim/cri-logshim/exitcode"
)

// version is set by the linker (-X main.version=v1.2.3); without it the
// module's own version counts.
var version string

func newVersionCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version of this plugin",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			info := readBuildInfo()
			switch format {
			case "text":
				return info.Print(cmd.OutOrStdout(), "kubectl-logshim")
			case "json":
				encoder := json.NewEncoder(cmd.OutOrStdout())
				encoder.SetIndent("", "  ")
				return encoder.Encode(info)
			}
			return exitcode.Usagef("--output: %q: must be text or json", format)
		},
	}
	cmd.Flags().StringVarP(&format, "output", "o", "text", "output `format`: text or json")
	return cmd
}

func readBuildInfo() buildinfo.Info { return buildinfo.Read(version) }
