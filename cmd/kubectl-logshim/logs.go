package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cri-logshim/cri-logshim/exitcode"
	"github.com/cri-logshim/cri-logshim/logreader"
	"github.com/cri-logshim/cri-logshim/logreader/logcmd"
	"github.com/cri-logshim/cri-logshim/logreader/logprint"
	"github.com/cri-logshim/cri-logshim/logreader/nodelogs"
	"github.com/cri-logshim/cri-logshim/terminal"
)

const logsHelp = `Show all that a container has logged, as if it were one file: what is in the
current file, in rotated ones, compressed or not, and in those that were kept
after the pod was removed, of all attempts of the container, in order.

They are read through the API server and kubelet, which serves /var/log of its
node. That takes the permission to get nodes/proxy, which is as much as root on
every node, and get pods to find the node. A pod that was removed is looked for
on the node that --node names, else on all. On many hardened clusters kubelet
serves no logs.`

const logsExample = `  # Everything that a pod has logged
  kubectl logshim logs web-0 -n shop

  # The last lines of one container, and what comes, across rotations and restarts
  kubectl logshim logs shop/web-0/app --tail 20 -f

  # What did the pod say that was removed last night?
  kubectl logshim logs shop/web-6d5f --node node-7 --since 12h

  # All pods with a label, what went wrong, with what was around it
  kubectl logshim logs -n shop -l app=web --tail=-1 --prefix --grep 'panic|fatal' -C 5`

// varLog is what kubelet serves.
const varLog = "/var/log/"

// logsCommand is one call of logs.
type logsCommand struct {
	choice              *logcmd.Flags
	form                *logprint.Flags
	kube                *kubeFlags
	node                string
	podLogsDir, keepDir string
	stderr              io.Writer
}

func newLogsCommand() *cobra.Command {
	l := &logsCommand{}
	cmd := &cobra.Command{
		Use:     "logs pod | namespace/pod[/container] | container-id",
		Short:   "Show all logs of a container, rotated, compressed and kept ones too",
		Long:    logsHelp,
		Example: logsExample,
		Args:    cobra.ArbitraryArgs, // which Wanted looks at
		RunE:    l.run,
	}
	flags := cmd.Flags()
	l.choice = logcmd.AddFlags(flags)
	flags.Lookup("namespace").Usage = "look for pods in this `namespace`, instead of the one of the kubeconfig's context"
	l.form = logprint.AddPluginFlags(flags)
	l.kube = addKubeFlags(flags)
	places := nodelogs.DefaultPlaces()
	flags.StringVar(&l.node, "node", "", "read on this `node` and look on no other, as for a pod that was removed")
	flags.StringVar(&l.podLogsDir, "pod-logs-dir", varLog+places.Live, "`directory` of the logs of pods on the nodes, below /var/log")
	flags.StringVar(&l.keepDir, "keep-dir", varLog+places.Kept, "`directory` of the logs of removed pods on the nodes, below /var/log")
	return cmd
}

func (l *logsCommand) run(cmd *cobra.Command, args []string) error {
	progress := terminal.NewProgress(cmd.ErrOrStderr(), os.Getenv, time.Now)
	l.stderr = progress.Around(cmd.ErrOrStderr())
	wanted, err := l.choice.Wanted(args)
	if err != nil {
		return logcmd.Coded(err)
	}
	o, err := l.choice.Options(time.Now())
	if err != nil {
		return logcmd.Coded(err)
	}
	form, err := l.form.Options(cmd.OutOrStdout(), os.Getenv)
	if err != nil {
		return exitcode.With(exitcode.Usage, err)
	}
	form.Progress = progress
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt)
	defer stop()
	context.AfterFunc(ctx, stop) // a second one ends the program at once
	err = l.show(ctx, wanted, o, form, cmd.OutOrStdout())
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return exitError{exitcode.Interrupted}
	case errors.Is(err, logcmd.ErrPartly): // which was told where it was found
		return exitError{exitcode.Partly}
	}
	return coded(err)
}

// show finds the logs and shows them.
func (l *logsCommand) show(ctx context.Context, wanted logcmd.Wanted, o logreader.Options, form logprint.Options, w io.Writer) error {
	places, err := l.places()
	if err != nil {
		return err
	}
	api, namespace, err := l.kube.connect()
	if err != nil {
		return err
	}
	defer api.client.CloseIdleConnections()
	finder := &locator{api: api, namespace: namespace, node: l.node, places: places, note: l.note}
	chooser, wanted, err := finder.locate(ctx, wanted)
	if err != nil {
		return err
	}
	containers, err := chooser.Choose(ctx, wanted)
	if err != nil {
		return err
	}
	printer, err := logprint.New(w, form)
	if err != nil {
		return err
	}
	o.Warn = func(err error) { l.note("%v", err) }
	return logcmd.Show(ctx, chooser.Source, containers, o, printer)
}

// places are the directories that the flags name.
func (l *logsCommand) places() (places nodelogs.Places, err error) {
	if places.Live, err = belowVarLog("pod-logs-dir", l.podLogsDir); err != nil {
		return places, err
	}
	places.Kept, err = belowVarLog("keep-dir", l.keepDir)
	return places, err
}

func belowVarLog(flag, directory string) (string, error) {
	below, ok := strings.CutPrefix(strings.TrimRight(directory, "/"), varLog)
	if !ok || below == "" {
		return "", exitcode.Usagef("--%s %q: must be a directory below /var/log, since kubelet serves no other", flag, directory)
	}
	return below, nil
}

// coded gives an error the code that the program exits with.
func coded(err error) error {
	_, transport := errors.AsType[*url.Error](err)
	switch {
	case exitcode.Of(err) != exitcode.Failed:
		return err
	case errors.Is(err, nodelogs.ErrNoNode):
		return exitcode.With(exitcode.NotFound, err)
	case transport, errors.Is(err, nodelogs.ErrUnreachable):
		return exitcode.With(exitcode.Unreachable, err)
	}
	return logcmd.Coded(err)
}

// note tells the person who reads something, on stderr. It may hold foreign names.
func (l *logsCommand) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if terminal.Is(l.stderr) {
		text = terminal.Harmless(text)
	}
	fmt.Fprintln(l.stderr, "kubectl-logshim: "+text)
}
