package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/cri-logshim/cri-logshim/admin/api"
	"github.com/cri-logshim/cri-logshim/admin/client"
	"github.com/cri-logshim/cri-logshim/terminal"
)

const pruneHelp = `Remove the log files that the bounds of the node and the policies of logs ask for now. The
daemon does so by itself all the time; what is left for this command is what waited, or,
with --kept, all logs of removed pods. What a container writes to is never removed, and
programs that read a file come first, as always.

Nobody is asked: --dry-run shows what would be removed.`

const pruneExample = `  # What would go?
  cri-logshim prune --dry-run --kept

  # All logs of removed pods
  cri-logshim prune --kept`

func newPruneCommand() *cobra.Command {
	var a asking
	var o *output
	var request api.PruneRequest
	cmd := &cobra.Command{
		Use: "prune", Short: "Remove log files that nothing asks to keep", Long: pruneHelp, Example: pruneExample, Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.run(cmd, func(ctx context.Context, c *client.Client) error {
				result, err := c.Prune(ctx, request)
				if err != nil {
					return err
				}
				return o.print(cmd.OutOrStdout(), result, func(out io.Writer) error { return printPruned(out, result) })
			})
		},
	}
	a.addFlags(cmd)
	cmd.Flags().BoolVar(&request.DryRun, "dry-run", false, "show what would be removed, and remove nothing")
	cmd.Flags().BoolVar(&request.Kept, "kept", false, "remove all logs of removed pods too, whatever time they have left")
	o = addOutputFlag(cmd, outputTable, outputJSON, outputYAML)
	return cmd
}

func printPruned(out io.Writer, result api.PruneResult) error {
	if len(result.Files) > 0 {
		rows := [][]string{{"NAMESPACE", "POD", "CONTAINER", "FILE", "SIZE", "REASON"}}
		for _, f := range result.Files {
			rows = append(rows, []string{f.Namespace, f.Pod, f.Container, f.Name, terminal.Size(f.Bytes), f.Reason})
		}
		if err := table(out, rows); err != nil {
			return err
		}
	}
	done := "removed"
	if result.DryRun {
		done = "would be removed"
	}
	_, err := fmt.Fprintf(out, "%s: %s, %s\n", done, terminal.Count(int64(len(result.Files)), "file"), terminal.Size(result.Bytes))
	return err
}
