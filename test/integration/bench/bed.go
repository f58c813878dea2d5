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
	b, err := startShimmed(ctx, s, dir, shimBinary)
	if err != nil {
		return b, err
	}
	self, err := os.Executable()
	if err != nil {
		return b, err
	}
	typedSocket := filepath.Join(dir, "typed.sock")
	other, err := b.add(startProcess("typed proxy", self, typedCommand, "-socket", typedSocket, "-upstream", upstreamSocket(dir)))
	if err != nil {
		return b, err
	}
	if err := b.open(ctx, shimmed, shimSocket(dir), b.processes[1]); err != nil {
		return b, err
	}
	return b, b.open(ctx, typedPath, typedSocket, other)
}

// startShimmed starts the canned runtime and, when it answers, the shim before it.
// Only the path to the runtime itself is open. Also when it fails, the bed has to
// be stopped.
func startShimmed(ctx context.Context, s settings, dir, shimBinary string) (*bed, error) {
	b := &bed{}
	self, err := os.Executable()
	if err != nil {
		return b, err
	}
	podLogs := filepath.Join(dir, "pods")
	_, err = b.add(startProcess("canned runtime", self, upstreamCommand,
		"-socket", upstreamSocket(dir), "-pod-logs", podLogs, "-managed", strconv.Itoa(s.managed)))
	if err != nil {
		return b, err
	}
	// The proxies come when the runtime answers, so that none of them backs off.
	if err := b.open(ctx, direct, upstreamSocket(dir), nil); err != nil {
		return b, err
	}
	_, err = b.add(startShim(dir, shimBinary, upstreamSocket(dir), podLogs, s.extra))
	return b, err
}

func upstreamSocket(dir string) string { return filepath.Join(dir, "upstream.sock") }

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
