package main

import (
	"context"
	"encoding/json"
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
follows when it is restarted, or when the daemon before it is. No pod notices.

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
	var output string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show where kubelet's endpoint leads, and why",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if output != "text" && output != "json" {
				return fmt.Errorf("output %q: must be text or json", output)
			}
			n, err := o.node(cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			return n.status(cmd.Context(), cmd.OutOrStdout(), output)
		},
	}
	o.addFlags(cmd)
	cmd.Flags().StringVarP(&output, "output", "o", "text", "output `format`: text or json")
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

// on puts the bypass on.
func (n node) on(ctx context.Context, out, stderr io.Writer, reason string) error {
	err := n.endpoints.Lead(ctx, bypass.State{Since: time.Now(), Reason: reason})
	var unrecorded *bypass.RecordError
	if err != nil && !errors.As(err, &unrecorded) {
		return err
	}
	fmt.Fprintf(out, "kubelet's endpoint %s now leads to the runtime, %s\n", n.endpoints.Link, n.endpoints.Runtime)
	fmt.Fprintf(out, "Now: systemctl restart kubelet, or cri-logshim; %s\n", follow)
	fmt.Fprintln(out, "Back: cri-logshim bypass off")
	if err := listens(ctx, n.endpoints.Runtime); err != nil {
		fmt.Fprintf(stderr, "Nobody listens there (%v): kubelet has no runtime until somebody does; --runtime-endpoint names another.\n", err)
	}
	if unrecorded != nil {
		return fmt.Errorf("a daemon that serves will lead it back, since it cannot be told to leave it: %w", unrecorded)
	}
	return nil
}

// off takes the bypass off.
func (n node) off(ctx context.Context, out io.Writer, force bool) error {
	to := wayOf(n.mode)
	if to == bypass.ToRuntime {
		if err := n.endpoints.Return(ctx, to); err != nil {
			return err
		}
		fmt.Fprintf(out, "kubelet's endpoint %s leads to the runtime, %s, as ever in mode %s\n", n.endpoints.Link, n.endpoints.Runtime, n.mode)
		return nil
	}
	if err := n.answers(ctx); err != nil && !force {
		return fmt.Errorf("cri-logshim does not answer at %s, so kubelet stays with the runtime (--force leads it there all the same): %w", n.endpoints.Shim, err)
	}
	if err := n.endpoints.Return(ctx, to); err != nil {
		return err
	}
	fmt.Fprintf(out, "kubelet's endpoint %s now leads to cri-logshim, %s\n", n.endpoints.Link, n.endpoints.Shim)
	fmt.Fprintf(out, "Now: systemctl restart kubelet; %s\n", follow)
	return nil
}

// answers is nil if a daemon answers where kubelet would be led to.
func (n node) answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, offTime)
	defer cancel()
	return answers(ctx, "unix://"+n.endpoints.Shim)
}

// nodeStatus is what status shows as JSON.
type nodeStatus struct {
	bypass.Status
	Mode    config.Mode `json:"mode"`
	Trouble string      `json:"trouble,omitempty"` // why the daemon does not answer; empty: it does
}

func (n node) status(ctx context.Context, out io.Writer, output string) error {
	s, err := n.endpoints.Status()
	if err != nil {
		return err
	}
	whole := nodeStatus{Status: s, Mode: n.mode}
	if err := n.answers(ctx); err != nil {
		whole.Trouble = err.Error()
	}
	if output == "json" {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(whole)
	}
	leads := map[bypass.Way]string{
		bypass.ToShim: "cri-logshim, " + s.Target, bypass.ToRuntime: "the runtime, " + s.Target,
		bypass.Elsewhere: "elsewhere, " + s.Target, bypass.Missing: "nowhere: there is no link",
	}
	state, daemon := "off", "answers at "+s.Shim
	if s.Bypass != nil {
		state = s.Bypass.String()
	}
	if whole.Trouble != "" {
		daemon = "does not answer at " + s.Shim
	}
	fmt.Fprintf(out, "endpoint     %s\nleads to     %s\nbypass       %s\nmode         %s\ncri-logshim  %s\n", s.Link, leads[s.Way], state, n.mode, daemon)
	return nil
}
