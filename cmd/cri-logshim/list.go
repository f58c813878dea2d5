package main

import (
	"cmp"
	"context"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cri-logshim/cri-logshim/admin/api"
	"github.com/cri-logshim/cri-logshim/admin/client"
	"github.com/cri-logshim/cri-logshim/exitcode"
	"github.com/cri-logshim/cri-logshim/terminal"
)

const listHelp = `List the logs of this node: what each takes on disk, how fast it grows, how often it was
rotated. Of each container there is one line, of all its attempts.

The daemon is asked at its admin socket, which is root's.`

const listExample = `  # The largest first
  cri-logshim list --sort disk

  # Logs that are not managed, and why
  cri-logshim list -o json | jq -r '.logs[] | select(.managed | not) | "\(.pod) \(.notManaged)"'`

func newListCommand() *cobra.Command {
	var a asking
	var order, namespace string
	var o *output
	cmd := &cobra.Command{
		Use: "list", Short: "List the logs of this node", Long: listHelp, Example: listExample, Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			compare, is := listOrders()[order]
			if !is {
				return exitcode.Usagef("--sort %q: must be name, disk, current, rate or rotations", order)
			}
			return a.run(cmd, func(ctx context.Context, c *client.Client) error {
				list, err := c.Logs(ctx)
				if err != nil {
					return err
				}
				if namespace != "" {
					list.Logs = slices.DeleteFunc(list.Logs, func(l api.Log) bool { return l.Namespace != namespace })
				}
				slices.SortFunc(list.Logs, func(a, b api.Log) int {
					return cmp.Or(compare(a, b), strings.Compare(nameOf(a), nameOf(b)), strings.Compare(a.ID, b.ID))
				})
				return o.print(cmd.OutOrStdout(), list, func(out io.Writer) error { return printLogs(out, list.Logs, o.format == outputWide) })
			})
		},
	}
	a.addFlags(cmd)
	cmd.Flags().StringVar(&order, "sort", "name", "`order` of the lines: name, disk, current, rate or rotations")
	cmd.Flags().StringVar(&namespace, "namespace", "", "list the logs of one `namespace` only")
	completeWords(cmd, "sort", "name", "disk", "current", "rate", "rotations")
	o = addOutputFlag(cmd, outputTable, outputWide, outputJSON, outputYAML)
	return cmd
}

// listOrders are the orders of lines by their names. Logs of one rank are in order of names.
func listOrders() map[string]func(a, b api.Log) int {
	most := func(of func(api.Log) int64) func(a, b api.Log) int {
		return func(a, b api.Log) int { return cmp.Compare(of(b), of(a)) }
	}
	orNone := func(bytes *int64) int64 {
		if bytes == nil {
			return -1
		}
		return *bytes
	}
	return map[string]func(a, b api.Log) int{
		"name":      func(api.Log, api.Log) int { return 0 },
		"disk":      most(func(l api.Log) int64 { return orNone(l.DiskBytes) }),
		"current":   most(func(l api.Log) int64 { return orNone(l.CurrentBytes) }),
		"rate":      most(func(l api.Log) int64 { return l.BytesPerSecond }),
		"rotations": most(func(l api.Log) int64 { return l.Rotations }),
	}
}

func printLogs(out io.Writer, logs []api.Log, wide bool) error {
	head := []string{"NAMESPACE", "POD", "CONTAINER", "STATE", "CURRENT", "DISK", "FILES", "RATE", "ROTATIONS"}
	if wide {
		head = append(head, "LIMIT", "WRITTEN", "ATTEMPT", "ID", "PATH", "NOTE")
	}
	rows := [][]string{head}
	for _, l := range logs {
		files := "-"
		if l.Files != nil {
			files = strconv.Itoa(*l.Files)
		}
		row := []string{l.Namespace, l.Pod, l.Container, l.State, known(l.CurrentBytes), known(l.DiskBytes), files, terminal.Rate(l.BytesPerSecond), strconv.FormatInt(l.Rotations, 10)}
		if wide {
			limit := "-"
			if l.Policy.MaxSize > 0 {
				limit = terminal.Size(l.Policy.MaxSize)
			}
			row = append(row, limit, terminal.Size(l.BytesWritten), strconv.FormatUint(uint64(l.Attempt), 10), l.ID, l.Path, cmp.Or(l.NotManaged, l.LastError, "-"))
		}
		rows = append(rows, row)
	}
	return table(out, rows)
}
