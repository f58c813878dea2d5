package main

import (
	"context"
	"fmt"
	"io"
	"os/signal"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/cri-logshim/cri-logshim/admin/api"
	"github.com/cri-logshim/cri-logshim/admin/client"
	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/exitcode"
	"github.com/cri-logshim/cri-logshim/terminal"
)

// asking is what commands have in common that ask the daemon.
type asking struct {
	o options
	// endpoint is where the daemon is asked instead of at the configuration's admin.listen.
	endpoint string
}

func (a *asking) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&a.endpoint, "endpoint", "", "ask at this `endpoint`, unix:///path/to/socket or http://localhost:port, and read no configuration: for a socket that ssh forwards")
	cmd.Flags().StringVarP(&a.o.configPath, "config", "c", defaultConfigPath, "configuration `file`, which says where the daemon is asked; the default one may be absent")
}

// run asks the daemon, until the operator ends it.
func (a *asking) run(cmd *cobra.Command, do func(ctx context.Context, c *client.Client) error) error {
	c, err := a.client(cmd)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	err = do(ctx, c)
	if ctx.Err() != nil && err != nil {
		return exitcode.With(exitcode.Interrupted, exitcode.ErrTold)
	}
	return err
}

// client asks the daemon at the endpoint that is named, or that of the configuration. If that
// cannot be read, nobody is asked: the daemon at the default place may be another one, whose logs
// are not meant.
func (a *asking) client(cmd *cobra.Command) (*client.Client, error) {
	a.o.given = cmd.Flags().Changed
	switch {
	case a.o.given("endpoint") && a.o.given("config"):
		return nil, exitcode.Usagef("--endpoint and --config both say where the daemon is asked: only one of them can hold")
	case a.o.given("endpoint") && a.endpoint == "":
		return nil, exitcode.Usagef("--endpoint is empty: must be unix:///path/to/socket, http://host:port or https://host:port")
	case a.o.given("endpoint"):
		c, err := client.New(a.endpoint)
		if err != nil {
			return nil, fmt.Errorf("--endpoint: %w", err)
		}
		return c, nil
	}
	configured, err := a.o.load()
	if err != nil {
		return nil, wayAround(err, "name the daemon's socket, as with --endpoint "+config.Default().Admin.Listen)
	}
	c, err := client.New(configured.Admin.Listen)
	if err != nil {
		return nil, exitcode.With(exitcode.Unreachable, err)
	}
	return c, nil
}

// completionTime is how long the daemon has to say what there is to complete.
const completionTime = time.Second

// complete completes containers that run, by namespace/pod/container.
func (a *asking) complete(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	endpoint := a.endpoint
	if endpoint == "" {
		endpoint = a.o.forCompletion(cmd).Admin.Listen
	}
	c, err := client.New(endpoint)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTime)
	defer cancel()
	list, err := c.Logs(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var names []string
	for _, l := range list.Logs {
		if name := nameOf(l); l.State == "running" && l.Managed && !strings.ContainsFunc(name, notPlain) {
			names = append(names, name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// nameOf is what a person calls a log.
func nameOf(l api.Log) string { return l.Namespace + "/" + l.Pod + "/" + l.Container }

// known is a size that may not be known.
func known(bytes *int64) string {
	if bytes == nil {
		return "-"
	}
	return terminal.Size(*bytes)
}

// table prints rows in columns. Cells are others' text: nothing in them acts on a terminal.
func table(out io.Writer, rows [][]string) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		for i, cell := range row {
			row[i] = strings.NewReplacer("\t", " ", "\n", " ").Replace(terminal.Harmless(cell))
		}
		if _, err := fmt.Fprintln(w, strings.Join(row, "\t")); err != nil {
			return err
		}
	}
	return w.Flush()
}
