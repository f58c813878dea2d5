package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"time"

	"github.com/spf13/cobra"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/exitcode"
	"github.com/cri-logshim/cri-logshim/logreader"
	"github.com/cri-logshim/cri-logshim/logreader/disk"
	"github.com/cri-logshim/cri-logshim/logreader/logcmd"
	"github.com/cri-logshim/cri-logshim/logreader/logprint"
	"github.com/cri-logshim/cri-logshim/terminal"
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
		RunE:    l.run,
	}
	flags := cmd.Flags()
	cmd.ValidArgsFunction = completePods(l.forCompletion, true)
	l.choice = logcmd.AddFlags(flags)
	_ = cmd.RegisterFlagCompletionFunc("container", completeContainers(l.forCompletion))
	l.form = logprint.AddFlags(flags)
	flags.StringVar(&l.podLogsDir, "pod-logs-dir", "", "`directory` of the logs of pods; overrides podLogsDir of the configuration file")
	flags.StringVar(&l.keepDir, "keep-dir", "", "`directory` of the logs of removed pods; overrides keepDir of the configuration file")
	flags.StringVar(&l.o.configPath, "config", defaultConfigPath, "configuration `file`, which says where logs are; the default one may be absent")
	flags.StringVar(&l.o.runtimeEndpoint, "runtime-endpoint", "",
		"`endpoint` of the container runtime, for labels and ids; overrides runtimeEndpoint of the file")
	return cmd
}

// logsCommand is one call of logs.
type logsCommand struct {
	choice              *logcmd.Flags
	form                *logprint.Flags
	podLogsDir, keepDir string
	o                   options
	stderr              io.Writer
}

func (l *logsCommand) run(cmd *cobra.Command, args []string) error {
	progress := terminal.NewProgress(cmd.ErrOrStderr(), os.Getenv, time.Now)
	l.stderr = progress.Around(cmd.ErrOrStderr())
	l.o.given = cmd.Flags().Changed
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
		return exitError{int(exitcode.Interrupted)}
	case errors.Is(err, logcmd.ErrPartly): // which was told where it was found
		return exitError{int(exitcode.Partly)}
	}
	return logcmd.Coded(err)
}

// show finds the logs and shows them.
func (l *logsCommand) show(ctx context.Context, wanted logcmd.Wanted, o logreader.Options, form logprint.Options, w io.Writer) (err error) {
	c, err := l.configuration()
	if err != nil {
		return err
	}
	d, err := disk.Open(disk.Options{PodLogsDir: c.PodLogsDir, KeepDir: c.KeepDir, LinksDir: c.Links.LegacyDir})
	if err != nil {
		return l.explained(err)
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	asked := runtimeAsked{endpoint: c.RuntimeEndpoint, origin: l.o.origin("runtimeEndpoint", "runtime-endpoint")}
	chooser := &logcmd.Chooser{Source: d, Labels: asked.labels, ByID: asked.byID, Note: l.note}
	containers, err := chooser.Choose(ctx, wanted)
	if err != nil {
		return l.explained(err)
	}
	printer, err := logprint.New(w, form)
	if err != nil {
		return err
	}
	o.Warn = func(err error) { l.note("%v", err) }
	return l.explained(logcmd.Show(ctx, d, containers, o, printer))
}

// configuration says where logs are. If it cannot be read, none are shown: those at the default
// places may be others than are meant.
func (l *logsCommand) configuration() (config.Configuration, error) {
	c, err := l.o.load()
	if err != nil {
		return c, err
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

// note tells the person who reads something, on stderr. It may hold foreign names.
func (l *logsCommand) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if terminal.Is(l.stderr) {
		text = terminal.Harmless(text)
	}
	fmt.Fprintln(l.stderr, "cri-logshim: "+text)
}

// explained adds to an error what to do.
func (*logsCommand) explained(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w; logs are readable to root: run it as root, or give a group access with files.group in the configuration", err)
	}
	return err
}
