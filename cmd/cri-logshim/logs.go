package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/logmgr/logline"
	"github.com/cri-logshim/cri-logshim/logreader/disk"
	"github.com/cri-logshim/cri-logshim/logreader/logcmd"
	"github.com/cri-logshim/cri-logshim/logreader/logprint"
)

const logsHelp = `Show all that a container has logged, as if it were one file: what is in the
current file, in rotated ones, compressed or not, and in those that were kept
after the pod was removed, of all attempts of the container, in order.

The logs are read from the disk, so it works without a running daemon and
without a runtime. A pod's name is looked for in all namespaces; of several pods
that have had a name one after the other, the newest is shown. A container's id
is looked for among the links in /var/log/containers, and then in the runtime.
Labels are known to the runtime alone.`

const logsExample = `  # Everything that a pod has logged
  cri-logshim logs shop/web-0

  # The last lines of one container, and what comes, across rotations and restarts
  cri-logshim logs shop/web-0/app --tail 20 -f

  # What was it before it died?
  cri-logshim logs shop/web-0/app --previous --tail 100

  # Half an hour of last night, only what went wrong, with what was around it
  cri-logshim logs web-0 --since 2026-01-31T02:30:00Z --until 2026-01-31T03:00:00Z --grep 'panic|fatal' -C 5

  # All pods with a label
  cri-logshim logs -l app=web --all-containers --prefix -f`

func newLogsCommand() *cobra.Command {
	l := &logsCommand{}
	cmd := &cobra.Command{
		Use:     "logs pod | namespace/pod[/container] | container-id",
		Short:   "Show all logs of a container, rotated, compressed and kept ones too",
		Long:    logsHelp,
		Example: logsExample,
		Args:    cobra.ArbitraryArgs, // which Wanted looks at
		RunE:    l.Run,
	}
	flags := cmd.Flags()
	l.o.given, l.Find = flags.Changed, l.find
	cmd.ValidArgsFunction = completePods(l.forCompletion, true)
	l.Choice = logcmd.AddFlags(flags)
	_ = cmd.RegisterFlagCompletionFunc("container", completeContainers(l.forCompletion))
	l.Form = logprint.AddFlags(flags)
	completeWords(cmd, "stream", logline.Stdout.String(), logline.Stderr.String())
	completeColor(cmd)
	completeWords(cmd, "output", string(logprint.Text), string(logprint.JSON), string(logprint.Raw))
	flags.StringVar(&l.podLogsDir, "pod-logs-dir", "", "`directory` of the logs of pods; overrides podLogsDir of the configuration file")
	flags.StringVar(&l.keepDir, "keep-dir", "", "`directory` of the logs of removed pods; overrides keepDir of the configuration file")
	flags.StringVar(&l.o.configPath, "config", defaultConfigPath, "configuration `file`, which says where logs are; the default one may be absent")
	flags.StringVar(&l.o.runtimeEndpoint, "runtime-endpoint", "",
		"`endpoint` of the container runtime, for labels and ids; overrides runtimeEndpoint of the file")
	return cmd
}

// logsCommand is one call of logs.
type logsCommand struct {
	logcmd.Command
	podLogsDir, keepDir string
	o                   options
}

// find opens the directories of the configuration.
func (l *logsCommand) find(_ context.Context, wanted logcmd.Wanted, _ logcmd.Note, show func(*logcmd.Chooser, logcmd.Wanted) error) (err error) {
	c, err := l.configuration()
	if err != nil {
		return err
	}
	d, err := disk.Open(disk.Options{PodLogsDir: c.PodLogsDir, KeepDir: c.KeepDir, LinksDir: c.Links.LegacyDir})
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w; podLogsDir in the configuration, or --pod-logs-dir, says where kubelet has it", err)
	}
	if err != nil {
		return explained(err)
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	asked := runtimeAsked{endpoint: c.RuntimeEndpoint, origin: l.o.origin("runtimeEndpoint", "runtime-endpoint")}
	return explained(show(&logcmd.Chooser{Source: d, Labels: asked.labels, ByID: asked.byID}, wanted))
}

// configuration says where logs are. If it cannot be read, none are shown: those at the default
// places may be others than are meant.
func (l *logsCommand) configuration() (config.Configuration, error) {
	c, err := l.o.load()
	if err != nil {
		return c, wayAround(err, "name another one with --config; an empty one means the defaults")
	}
	return l.withDirectories(c), nil
}

// withDirectories puts the directories of the flags in place of those of a configuration.
func (l *logsCommand) withDirectories(c config.Configuration) config.Configuration {
	if l.o.given("pod-logs-dir") {
		c.PodLogsDir = l.podLogsDir
	}
	if l.o.given("keep-dir") {
		c.KeepDir = l.keepDir
	}
	return c
}

// explained adds to an error what to do.
func explained(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w; logs are readable to root: run it as root, or give a group access with files.group in the configuration", err)
	}
	return err
}
