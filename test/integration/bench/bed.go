package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// blame adds why a context ended to an error, which says only that it did.
func blame(ctx context.Context, err error) error {
	return errors.Join(err, context.Cause(ctx))
}

// bed is the processes of the proxy part and the paths through them.
type bed struct {
	processes []*process // in the order of their start
	paths     []*path
}

// startBed starts the canned runtime, the shim and the typed proxy. Also when
// it fails, the bed has to be stopped.
func startBed(ctx context.Context, s settings, dir, shimBinary string) (*bed, error) {
	b := &bed{}
	self, err := os.Executable()
	if err != nil {
		return b, err
	}
	podLogs := filepath.Join(dir, "pods")
	upstreamSocket, typedSocket := filepath.Join(dir, "upstream.sock"), filepath.Join(dir, "typed.sock")
	_, err = b.add(startProcess("canned runtime", self, upstreamCommand,
		"-socket", upstreamSocket, "-pod-logs", podLogs, "-managed", strconv.Itoa(s.managed)))
	if err != nil {
		return b, err
	}
	// The proxies come when the runtime answers, so that none of them backs off.
	if err := b.open(ctx, direct, upstreamSocket, nil); err != nil {
		return b, err
	}
	shim, err := b.add(startShim(dir, shimBinary, upstreamSocket, podLogs, s.extra))
	if err != nil {
		return b, err
	}
	other, err := b.add(startProcess("typed proxy", self, typedCommand, "-socket", typedSocket, "-upstream", upstreamSocket))
	if err != nil {
		return b, err
	}
	if err := b.open(ctx, shimmed, shimSocket(dir), shim); err != nil {
		return b, err
	}
	return b, b.open(ctx, typedPath, typedSocket, other)
}

func (b *bed) add(p *process, err error) (*process, error) {
	if err == nil {
		b.processes = append(b.processes, p)
	}
	return p, err
}

// open adds a path, or tells why the last process before it has ended instead.
func (b *bed) open(ctx context.Context, name, socket string, proxy *process) error {
	watched := b.processes[0]
	if proxy != nil {
		watched = proxy
	}
	watching, leave := watched.whileAlive(ctx)
	defer leave()
	p, err := openPath(ctx, watching, name, socket, proxy)
	if err != nil {
		return blame(watching, err)
	}
	b.paths = append(b.paths, p)
	return nil
}

// whileAlive is ctx, ended when one of the processes ends before it.
func (b *bed) whileAlive(ctx context.Context) (context.Context, func()) {
	all, cancel := context.WithCancelCause(ctx)
	var left []func()
	for _, p := range b.processes {
		one, leave := p.whileAlive(all)
		stop := context.AfterFunc(one, func() { cancel(context.Cause(one)) })
		left = append(left, func() { stop(); leave() })
	}
	return all, func() {
		for _, leave := range left {
			leave()
		}
		cancel(nil)
	}
}

// stop closes the paths, then ends the processes in the reverse order of their start.
func (b *bed) stop() error {
	var errs []error
	for _, p := range b.paths {
		errs = append(errs, p.close())
	}
	for _, p := range slices.Backward(b.processes) {
		errs = append(errs, p.stop())
	}
	return errors.Join(errs...)
}
