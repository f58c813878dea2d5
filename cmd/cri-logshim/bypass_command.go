package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/cri-logshim/cri-logshim/bypass"
	"github.com/cri-logshim/cri-logshim/config"
)

//nolint:gosec // a text without credentials, though "bypass" has "pass" in it
const bypassHelp = `Lead kubelet past cri-logshim, to the runtime itself, and back.

kubelet's endpoint (kubeletEndpoint) is a symbolic link, which is made to lead
elsewhere in one step. Connections that kubelet has stay where they are: it
follows when it is restarted, which no pod notices. It takes root.

It works without the daemon, and without a valid configuration: then it goes by
what the daemon that served last has left in /run/cri-logshim, or by the lines of
the file that name endpoints, or by the defaults, and says so.`

//nolint:gosec // as above
const bypassExample = `  # Where does kubelet's endpoint lead?
  cri-logshim bypass status

  # Out of the way, at once
  cri-logshim bypass on --reason "looking for a slow call"
  systemctl restart kubelet

  # And back
  cri-logshim bypass off
  systemctl restart kubelet`

//nolint:gosec // as above
const bypassStatusHelp = `Show where kubelet's endpoint leads, and why.

The exit code is 0 if it leads where the mode wants it and somebody answers there; 3 if
it leads past cri-logshim, to the runtime; 2 if kubelet may have no runtime, since it
leads to where nobody answers, elsewhere, or nowhere; 1 if that cannot be told.`

// offTime is how long the daemon has to answer before kubelet is led to it.
const offTime = 5 * time.Second

func newBypassCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "bypass",
		Short:   "Lead kubelet past cri-logshim, or back",
		Long:    bypassHelp,
		Example: bypassExample,
	}
	cmd.AddCommand(newBypassOnCommand(o), newBypassOffCommand(o), newBypassStatusCommand(o))
	return cmd
}

func newBypassOnCommand(o *options) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "on",
		Short: "Lead kubelet to the runtime, until it is taken back",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			n, err := o.node(cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			return n.on(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), reason)
		},
	}
	o.addFlags(cmd)
	cmd.Flags().StringVar(&reason, "reason", "", "`why`; shown by status and in the daemon's log")
	return cmd
}

func newBypassOffCommand(o *options) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "off",
		Short: "Lead kubelet back to cri-logshim, if that answers",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			n, err := o.node(cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			return n.off(cmd.Context(), cmd.OutOrStdout(), force)
		},
	}
	o.addFlags(cmd)
	cmd.Flags().BoolVar(&force, "force", false, "also if the daemon does not answer")
	return cmd
}

func newBypassStatusCommand(o *options) *cobra.Command {
	var out *output
	cmd := &cobra.Command{
		Annotations: map[string]string{ownCodes: ""},

		Use:   "status",
		Short: "Show where kubelet's endpoint leads, and why",
		Long:  bypassStatusHelp,
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			n, err := o.node(cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			return n.status(cmd.Context(), cmd.OutOrStdout(), out)
		},
	}
	o.addFlags(cmd)
	out = addOutputFlag(cmd, outputText, outputJSON, outputYAML)
	return cmd
}

// node is what the commands go by.
type node struct {
	endpoints bypass.Endpoints
	mode      config.Mode
}

// node finds the endpoints: in the configuration or, where that is invalid, in what the
// daemon has left, or in the defaults. Flags stand above each.
func (o *options) node(stderr io.Writer) (node, error) {
	c, err := o.load()
	if err != nil {
		var from string
		fault := err
		c, from = o.withoutConfig()
		if c, err = o.complete(c); err != nil {
			return node{}, err // with the flags, which nothing can stand in for
		}
		fmt.Fprintf(stderr, "%v\nThe configuration cannot be used: going by %s and by flags.\n", fault, from)
	}
	if c.KubeletEndpoint == "" {
		return node{}, errors.New("kubeletEndpoint is empty, so there is no link to lead: kubelet's endpoint is a setting of its own then (containerRuntimeEndpoint)")
	}
	return node{endpointsOf(c), c.Mode}, nil
}
