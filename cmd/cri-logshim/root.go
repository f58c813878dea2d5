package main

import (
	"github.com/spf13/cobra"

	"github.com/cri-logshim/cri-logshim/exitcode"
	"github.com/cri-logshim/cri-logshim/generate"
)

const rootHelp = `cri-logshim stands between kubelet and the container runtime. It forwards every
CRI call untouched, and because it sees every container come and go, it rotates
and compresses container logs without losing a line.

Settings come from a configuration file; without one, every setting has its
default.`

const ownCodesHelp = `
"node status" and "bypass status" have exit codes of their own, which their help tells.`

const rootExample = `  # Who is filling this disk, and what did that pod say before it died?
  cri-logshim top
  cri-logshim logs shop/web-0 --previous

  # Look at what would be in force, then serve
  cri-logshim check-config
  cri-logshim serve

  # Another runtime, without a configuration file
  cri-logshim serve --runtime-endpoint unix:///run/crio/crio.sock`

func newRootCommand() *cobra.Command {
	var o options
	root := &cobra.Command{
		Use:     "cri-logshim",
		Short:   "A CRI proxy that keeps container logs in bounds",
		Long:    rootHelp + "\n\nExit codes:\n" + exitcode.Help() + ownCodesHelp,
		Example: rootExample,
		// main prints the error; how to call a command is no answer to a
		// failure at run time.
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       readBuildInfo().Version,
	}
	root.AddCommand(newServeCommand(&o), newCheckConfigCommand(&o), newExplainCommand(&o), newLogsCommand(), newNodeCommand(), newBypassCommand(&o), newStatusCommand(), newListCommand(), newTopCommand(), newRotateCommand(), newPruneCommand(), newVersionCommand(), generate.Command(rootHelp, manualSections))
	refuseUnknown(root)
	codeUsage(root)
	completeValues(root)
	return root
}
