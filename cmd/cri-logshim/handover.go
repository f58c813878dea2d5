package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime/debug"
	"strconv"
	"time"

	"google.golang.org/grpc/connectivity"

	"github.com/cri-logshim/cri-logshim/event"
	"github.com/cri-logshim/cri-logshim/proxy"
)

// How long the steps of a hand-over may take before the predecessor takes all back. Until
// a successor is ready kubelet is served; from then on until it serves nobody accepts.
const (
	readyTime   = 20 * time.Second
	servingTime = 2 * time.Second
)

// runtimeTime is how long a successor waits for its connection to the runtime before it
// says that it is ready. A runtime that is away keeps nobody from handing over.
const runtimeTime = time.Second

// handOver lets a successor take over. After an error everything is as before.
func (d *daemon) handOver(ctx context.Context) error {
	s, err := startSuccessor(d.program, []inheritedListener{
		{Setting: settingListen, Endpoint: d.config.Listen, listener: d.listener},
		{Setting: settingAdmin, Endpoint: d.config.Admin.Listen, listener: d.admin},
		{Setting: settingMetrics, Endpoint: d.config.Admin.Metrics, listener: d.metrics},
	})
	if err != nil {
		return err
	}
	if err := d.accompany(ctx, s); err != nil {
		return errors.Join(err, d.listener.Resume(), s.abandon(context.WithoutCancel(ctx)))
	}
	for _, l := range []net.Listener{d.listener, d.admin, d.metrics} {
		if own, is := l.(*proxy.Listener); is {
			own.Disown()
		}
	}
	d.handedOver.Store(true)
	d.tell("MAINPID=" + strconv.Itoa(s.pid))
	// Where the successor has gone by now, systemd knows and starts another one.
	if err := errors.Join(s.line.say(wordMain), s.line.Close()); err != nil {
		d.log.WithError(err).Warn("the new process did not wait until it was the main one")
	}
	event.HandedOver.On(d.log).WithField("successor", s.pid).Info("handed over: calls and streams in flight go on in this process until they end by themselves")
	d.proxy.Leave()
	d.endWork()
	return nil
}

// accompany leads a successor to the point from which on it serves.
func (d *daemon) accompany(ctx context.Context, s *successor) error {
	switch word, err := await(ctx, s, readyTime, wordReady, wordAway); {
	case err != nil:
		return fmt.Errorf("the new process did not get ready: %w", err)
	case word == wordAway && d.proxy.RuntimeState() == connectivity.Ready:
		return errors.New("the new process cannot reach the runtime, and this one does: is runtimeEndpoint right?")
	}
	if err := d.listener.Rest(); err != nil {
		return err
	}
	if err := s.line.say(wordServe); err != nil {
		return err
	}
	if _, err := await(ctx, s, servingTime, wordServing); err != nil {
		return fmt.Errorf("the new process does not serve: %w", err)
	}
	// systemd hears of no new main process once it has told this one to end.
	return context.Cause(ctx)
}

func await(ctx context.Context, s *successor, limit time.Duration, words ...string) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not within %v", limit))
	defer cancel()
	return s.line.hear(ctx, words...)
}

// succeed waits until the predecessor, if there is one, lets this process serve.
func (d *daemon) succeed(ctx context.Context) error {
	if d.predecessor == nil {
		return nil
	}
	connecting, cancel := context.WithTimeout(ctx, runtimeTime)
	defer cancel()
	d.proxy.WatchRuntime(connecting, func(s connectivity.State) {
		if s == connectivity.Ready {
			cancel()
		}
	})
	return d.predecessor.ready(ctx, d.proxy.RuntimeState() == connectivity.Ready)
}

// unlessHandedOver is the outcome of work that ends with a hand-over. What goes wrong then is
// told, and is no reason to cut the calls that are in flight here.
func (d *daemon) unlessHandedOver(err error) error {
	if err == nil || !d.handedOver.Load() {
		return err
	}
	d.log.WithError(err).Warn("work that the new process has taken over did not end well here")
	return nil
}

// manageLogs runs the log manager, until ctx is done or with a hand-over.
func (d *daemon) manageLogs(ctx context.Context) error {
	err := d.logs.Run(ctx)
	if d.handedOver.Load() {
		debug.FreeOSMemory() // what is left to do takes little
	}
	return err
}
