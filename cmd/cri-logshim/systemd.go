package main

import (
	"context"
	"fmt"
	"time"

	sd "github.com/coreos/go-systemd/v22/daemon"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// aliveTimeout is how long the daemon has to answer its own health check.
const aliveTimeout = 5 * time.Second

// notifySystemd tells systemd that the daemon serves, and from then on how it stands and,
// if systemd asks for that, that it is alive. Without systemd it does nothing.
func (d *daemon) notifySystemd(ctx context.Context) error {
	if err := d.alive(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("the daemon does not serve: %w", err)
	}
	if err := d.predecessor.serving(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	// Before it is told that the daemon serves, since kubelet starts when it does.
	d.link.serves(ctx)
	close(d.serves)
	told := d.purpose()
	ready := sd.SdNotifyReady + "\nSTATUS=" + told
	every, err := sd.SdWatchdogEnabled(false)
	if err != nil {
		d.log.WithError(err).Warn("cannot tell whether systemd watches over this process")
	}
	var hungry <-chan time.Time // never, if nobody watches
	if every > 0 {
		ready += "\n" + sd.SdNotifyWatchdog // a hand-over does not make the watchdog begin anew
		watchdog := time.NewTicker(every / 3)
		defer watchdog.Stop()
		hungry = watchdog.C
	}
	d.tell(ready)
	status := time.NewTicker(statusPause)
	defer status.Stop()
	for {
		select {
		case <-ctx.Done():
			d.stopping()
			return nil
		case <-status.C:
			if line := d.statusLine(ctx); line != told {
				d.tell("STATUS=" + line)
				told = line
			}
		case <-hungry:
			if err := d.alive(ctx); err != nil {
				d.log.WithError(err).Error("not alive: systemd will restart the daemon")
				continue
			}
			d.tell(sd.SdNotifyWatchdog)
		}
	}
}

// stopping tells systemd of the end, if that is the service's.
func (d *daemon) stopping() {
	if !d.handedOver.Load() {
		d.tell(sd.SdNotifyStopping)
	}
}

func (d *daemon) tell(state string) {
	if _, err := sd.SdNotify(false, state); err != nil {
		d.log.WithError(err).Warn("cannot notify systemd")
	}
}

// alive calls the daemon's own socket as kubelet does, over a new connection,
// and the log manager's scheduler. Neither touches a log: a stuck disk makes
// the daemon less than ready, and is no reason to restart the CRI path.
func (d *daemon) alive(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, aliveTimeout)
	defer cancel()
	if err := answers(ctx, d.config.Listen, grpc.WaitForReady(true)); err != nil {
		return err
	}
	return d.logs.Beat(ctx)
}

// answers is nil if a daemon answers at an endpoint before ctx is done.
func answers(ctx context.Context, endpoint string, options ...grpc.CallOption) (err error) {
	conn, err := grpc.NewClient(endpoint, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithAuthority("localhost"), grpc.WithNoProxy())
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := conn.Close(); err == nil {
			err = closeErr
		}
	}()
	_, err = grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{}, options...)
	if err != nil {
		return fmt.Errorf("the CRI socket does not answer: %w", err)
	}
	return nil
}
