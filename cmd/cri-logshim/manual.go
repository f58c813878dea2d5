package main

import (
	"github.com/spf13/cobra"

	"github.com/cri-logshim/cri-logshim/exitcode"
	"github.com/cri-logshim/cri-logshim/manpage"
)

// manualSections are those that every page has beside the help.
func manualSections(cmd *cobra.Command) []manpage.Section {
	const environment = "NO_COLOR: if it is set and not empty, nothing is coloured, unless --color always says otherwise."
	codes := exitcode.Help()
	if _, own := cmd.Annotations[ownCodes]; own {
		codes = "See above."
	}
	return []manpage.Section{
		{Title: "Exit status", Text: codes},
		{Title: "Environment", Text: environment},
		{Title: "Files", Text: defaultConfigPath + ": the configuration, which docs/configuration.md describes."},
	}
}
