package main

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cri-logshim/cri-logshim/exitcode"
	"github.com/cri-logshim/cri-logshim/logreader/logcmd"
	"github.com/cri-logshim/cri-logshim/logreader/logprint"
	"github.com/cri-logshim/cri-logshim/logreader/nodelogs"
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
	logcmd.Command
	kube                *kubeFlags
	node                string
	podLogsDir, keepDir string
}

func newLogsCommand() *cobra.Command {
	l := &logsCommand{}
	l.Find = l.find
	cmd := &cobra.Command{
		Use:     "logs pod | namespace/pod[/container] | container-id",
		Short:   "Show all logs of a container, rotated, compressed and kept ones too",
		Long:    logsHelp,
		Example: logsExample,
		Args:    cobra.ArbitraryArgs, // which Wanted looks at
		RunE:    l.Run,

		ValidArgsFunction: l.complete,
	}
	flags := cmd.Flags()
	l.Choice = logcmd.AddFlags(flags)
	flags.Lookup("namespace").Usage = "look for pods in this `namespace`, instead of the one of the kubeconfig's context"
	l.Form = logprint.AddPluginFlags(flags)
	l.kube = addKubeFlags(flags)
	places := nodelogs.DefaultPlaces()
	flags.StringVar(&l.node, "node", "", "read on this `node` and look on no other, as for a pod that was removed")
	flags.StringVar(&l.podLogsDir, "pod-logs-dir", varLog+places.Live, "`directory` of the logs of pods on the nodes, below /var/log")
	flags.StringVar(&l.keepDir, "keep-dir", varLog+places.Kept, "`directory` of the logs of removed pods on the nodes, below /var/log")
	return cmd
}

// find asks the API server on which nodes the logs are.
func (l *logsCommand) find(ctx context.Context, wanted logcmd.Wanted, note logcmd.Note, show func(*logcmd.Chooser, logcmd.Wanted) error) error {
	places, err := l.places()
	if err != nil {
		return err
	}
	api, namespace, err := l.kube.connect()
	if err != nil {
		return err
	}
	defer api.client.CloseIdleConnections()
	finder := &locator{api: api, namespace: namespace, node: l.node, places: places, note: note}
	chooser, wanted, err := finder.locate(ctx, wanted)
	if err != nil {
		return coded(err)
	}
	return coded(show(chooser, wanted))
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
	return err
}
