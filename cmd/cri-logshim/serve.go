package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

const serveHelp = `Serve kubelet on the listen endpoint, forward every CRI call to the runtime, and
hold container logs to their limits.

A change of the configuration file applies new settings of rotation, files,
policies, annotations, node and log.level to all containers; an invalid file leaves
the old settings in force. SIGHUP does the same, and if another setting or the
program's file has changed, it starts a new process, which takes over without a
failed call; this one ends with its last call or stream. SIGTERM and SIGINT end it:
calls in flight have drainTimeout to complete, and then the exit code is 0. A second
signal ends it at once, with exit code 1.`

const serveExample = `  # With /etc/cri-logshim/config.yaml, or all defaults where there is none
  cri-logshim serve

  # Before another runtime
  cri-logshim serve --runtime-endpoint unix:///run/crio/crio.sock`

func newServeCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "serve",
		Short:   "Serve kubelet and manage container logs",
		Long:    serveHelp,
		Example: serveExample,
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return serve(cmd.Context(), o)
		},
	}
	o.addFlags(cmd)
	return cmd
}

// errSecondSignal is how a daemon ends that was told twice.
var errSecondSignal = errors.New("ended by a second signal, without completing calls in flight")

// longestEnd is how long other work may go on when all calls have ended. A
// rotation under way needs a second at most; a stuck disk would need forever.
const longestEnd = 3 * time.Second

// serve runs the daemon until a signal ends it.
func serve(ctx context.Context, o *options) error {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	defer signal.Stop(signals)
	// From the start: a hangup that nobody waits for ends the process.
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	allowGarbage(mostGarbage)
	stderr := newLogQueue(logOutput())
	defer stderr.close()
	d, err := newDaemon(ctx, o, stderr)
	if err != nil {
		return err
	}
	if err := groupPriority(); err != nil {
		d.log.WithError(err).Warn("the priority of the process counts for nothing, so logs may pass their limits while writers take all of the CPU")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	asked := false
	ended := make(chan error, 1)
	go func() {
		if err := d.succeed(ctx); err != nil {
			ended <- errors.Join(err, d.close())
			return
		}
		ended <- d.run(ctx, hangups)
	}()
	drained := d.drained
	var late <-chan time.Time
	for {
		select {
		case err := <-ended:
			return err
		case s := <-signals:
			if asked {
				// Whoever says it twice does not want to wait for a stuck disk either.
				d.proxy.Abort()
				return errSecondSignal
			}
			asked = true
			d.log.WithField("signal", s).Info("ending: completing calls in flight")
			cancel()
		case <-drained:
			// Nobody answers kubelet from now on until a successor does.
			drained, late = nil, time.After(longestEnd)
		case <-late:
			reasons := append([]string{"ended without waiting any longer for what is stuck"}, d.logs.Trouble()...)
			return errors.New(strings.Join(reasons, "; "))
		}
	}
}
