package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cri-logshim/cri-logshim/admin/api"
	"github.com/cri-logshim/cri-logshim/admin/client"
	"github.com/cri-logshim/cri-logshim/exitcode"
	"github.com/cri-logshim/cri-logshim/terminal"
)

const rotateHelp = `Rotate the logs of running containers now, whatever their size. A container is named by its
id, or the beginning of one, or as namespace/pod/container. No line is lost: the daemon
rotates as it always does.

An empty log stays as it is, and so does one that the runtime keeps itself.`

const rotateExample = `  cri-logshim rotate shop/web-0/app
  cri-logshim rotate 4f2a9c1b`

// rotated is what has become of one log, for -o json.
type rotated struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	api.RotateResult
}

func newRotateCommand() *cobra.Command {
	var a asking
	var o *output
	cmd := &cobra.Command{
		Use: "rotate <container>...", Short: "Rotate the logs of containers now", Long: rotateHelp, Example: rotateExample,
		ValidArgsFunction: a.complete,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return exitcode.Usagef("rotate takes the id of a container, or namespace/pod/container; cri-logshim list -o wide shows them")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.run(cmd, func(ctx context.Context, c *client.Client) error {
				done, err := rotateAll(ctx, c, args)
				if done == nil {
					return err
				}
				return errors.Join(o.print(cmd.OutOrStdout(), done, func(out io.Writer) error { return printRotated(out, done) }), err)
			})
		},
	}
	a.addFlags(cmd)
	o = addOutputFlag(cmd, outputText, outputJSON, outputYAML)
	return cmd
}

// rotateAll rotates one log after the other. An error is about all of them that were not rotated.
func rotateAll(ctx context.Context, c *client.Client, args []string) ([]rotated, error) {
	list, err := c.Logs(ctx)
	if err != nil {
		return nil, err
	}
	logs := make([]api.Log, 0, len(args))
	for _, arg := range args { // all of them first: nothing is done for a line with a slip in it
		l, err := chosen(list.Logs, arg)
		if err != nil {
			return nil, err
		}
		logs = append(logs, l)
	}
	done := make([]rotated, 0, len(logs))
	var errs []error
	for _, l := range logs {
		result, err := c.Rotate(ctx, l.ID)
		if err == nil && !result.Rotated {
			err = errors.New(result.Reason)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s is not rotated: %w", nameOf(l), err))
			continue
		}
		done = append(done, rotated{l.ID, nameOf(l), result})
	}
	err = errors.Join(errs...)
	if len(done) > 0 {
		err = exitcode.With(exitcode.Partly, err)
	}
	return done, err
}

// chosen is the log that a person means.
func chosen(logs []api.Log, named string) (api.Log, error) {
	var found []api.Log
	for _, l := range logs {
		if l.ID == named || nameOf(l) == named && l.State == "running" {
			return l, nil
		}
		if strings.HasPrefix(l.ID, named) && named != "" || nameOf(l) == named {
			found = append(found, l)
		}
	}
	switch len(found) {
	case 0:
		return api.Log{}, exitcode.With(exitcode.NotFound, fmt.Errorf("there is no container %q; cri-logshim list -o wide shows which there are", named))
	case 1:
		return found[0], nil
	}
	return api.Log{}, exitcode.Usagef("%q may be any of %d containers, such as %s and %s: name more of the id", named, len(found), found[0].ID, found[1].ID)
}

func printRotated(out io.Writer, done []rotated) error {
	for _, r := range done {
		if _, err := fmt.Fprintf(out, "%s: rotated %s to %s\n", terminal.Harmless(r.Name), terminal.Size(r.Bytes), terminal.Harmless(r.File)); err != nil {
			return err
		}
	}
	return nil
}
