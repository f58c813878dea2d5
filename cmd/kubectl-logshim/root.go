package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/cri-logshim/cri-logshim/exitcode"
	"github.com/cri-logshim/cri-logshim/generate"
)

const rootHelp = `kubectl logshim shows all that containers of a cluster have logged, wherever
their nodes are. It asks the API server for what kubelet serves of /var/log, so
on the nodes nothing has to run or listen for it.`

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:         "kubectl-logshim",
		Annotations: map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl logshim"},
		Short:       "Show all logs of containers of a cluster, rotated and compressed ones too",
		Long:        rootHelp + "\n\nExit codes:\n" + exitcode.Help(),
		// main prints the error; how to call a command is no answer to a
		// failure at run time.
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true}, // kubectl completes its plugins otherwise
		Args:              noCommand,

		SuggestionsMinimumDistance: 2,
		RunE:                       func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return exitcode.Usagef("%w; %s --help shows all flags", err, cmd.CommandPath())
	})
	root.AddCommand(newLogsCommand(), newVersionCommand(), generate.Command(rootHelp, manualSections))
	return root
}

// noCommand refuses what is no command.
func noCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := ""
	for _, name := range cmd.SuggestionsFor(args[0]) {
		hint = fmt.Sprintf(", did you mean %q?", name)
	}
	return exitcode.Usagef("unknown command %q%s; %s --help shows all", args[0], hint, cmd.CommandPath())
}
