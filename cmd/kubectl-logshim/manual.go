package main

import (
	"github.com/spf13/cobra"

	"github.com/cri-logshim/cri-logshim/exitcode"
	"github.com/cri-logshim/cri-logshim/manpage"
)

// manualSections are those that every page has beside the help.
func manualSections(*cobra.Command) []manpage.Section {
	return []manpage.Section{
		{Title: "Exit status", Text: exitcode.Help()},
		{Title: "Environment", Text: "KUBECONFIG: the kubeconfig files, as for kubectl.\n\n" +
			"NO_COLOR: if it is set and not empty, nothing is coloured, unless --color always says otherwise."},
		{Title: "Files", Text: "~/.kube/config: the kubeconfig file, if KUBECONFIG and --kubeconfig name no other."},
	}
}
