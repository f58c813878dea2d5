package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"
)

// benchmark runs every part that was asked for, prints the table and writes the file.
func benchmark(ctx context.Context, s settings, stdout, progress io.Writer) (err error) {
	r := report{Began: time.Now().UTC()}
	if r.Machine, err = thisMachine(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "cri-logshim-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	if s.shim == "" {
		fmt.Fprintln(progress, "building the shim")
		s.shim = filepath.Join(dir, "cri-logshim")
		if err := buildShim(ctx, s.shim); err != nil {
			return err
		}
	}
	if len(s.run) > 0 {
		if err := proxyPart(ctx, s, dir, &r, progress); err != nil {
			return err
		}
	}
	if s.rotation > 0 {
		if err := rotationPart(ctx, s, dir, &r, progress); err != nil {
			return err
		}
	}
	r.Seconds = time.Since(r.Began).Seconds()
	return conclude(s, r, stdout)
}

// conclude puts out the report, and with -check turns a missed goal into an error.
func conclude(s settings, r report, stdout io.Writer) error {
	if err := r.writeTable(stdout); err != nil {
		return err
	}
	if s.jsonPath != "" {
		if err := r.writeJSON(s.jsonPath); err != nil {
			return err
		}
	}
	if s.check && len(r.missed()) > 0 {
		return errGoalsMissed
	}
	return nil
}

// proxyPart measures calls on the three paths.
func proxyPart(ctx context.Context, s settings, dir string, r *report, progress io.Writer) (err error) {
	b, err := startBed(ctx, s, dir)
	defer func() { err = errors.Join(err, b.stop()) }()
	if err != nil {
		return err
	}
	for _, p := range b.processes {
		var leave func()
		ctx, leave = p.whileAlive(ctx)
		defer leave()
	}
	fmt.Fprintln(progress, "measuring memory")
	seen, err := measureMemory(ctx, s, b.paths)
	if err != nil {
		return blame(ctx, err)
	}
	fmt.Fprintf(progress, "measuring calls: %d rounds of %d workloads on %d paths, %v each\n",
		s.rounds, len(s.run), len(b.paths), s.slot)
	all, err := rounds(ctx, s.rounds, s.slot, b.paths, s.run)
	if err != nil {
		return blame(ctx, err)
	}
	r.Settings = append(r.Settings,
		setting{"rounds", float64(s.rounds), "1"},
		setting{"time of a workload on a path in a round", s.slot.Seconds(), "s"},
		setting{"mean size of a listed container", meanSize(), "B"},
		setting{"containers managed by the shim", float64(s.managed), "1"})
	r.Figures = append(r.Figures, callFigures(s.run, all)...)
	r.Figures = append(r.Figures, memoryFigures(seen)...)
	return nil
}

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
func startBed(ctx context.Context, s settings, dir string) (*bed, error) {
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
	shim, err := b.add(startShim(dir, s.shim, upstreamSocket, podLogs, s.extra))
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

// stop closes the paths, then ends the processes in the reverse order of their start.
func (b *bed) stop() error {
	var errs []error
	for _, p := range b.paths {
		errs = append(errs, p.close())
	}
	for i := len(b.processes) - 1; i >= 0; i-- {
		errs = append(errs, b.processes[i].stop())
	}
	return errors.Join(errs...)
}

// memoryLoad is how long each light workload lasts before the highest memory is read.
const memoryLoad = 1500 * time.Millisecond

// measureMemory reads the proxies' memory at rest and after the light workloads.
// It has to come before the heavier ones, since memory at its highest never falls.
func measureMemory(ctx context.Context, s settings, paths []*path) (map[string]memory, error) {
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-time.After(s.settle):
	}
	seen := map[string]memory{}
	for _, p := range paths {
		if p.proxy == nil {
			continue
		}
		rest, _, err := p.proxy.memory()
		if err != nil {
			return nil, err
		}
		for _, w := range lightWorkloads() {
			if _, err := measure(ctx, w, p, memoryLoad); err != nil {
				return nil, err
			}
		}
		_, highest, err := p.proxy.memory()
		if err != nil {
			return nil, err
		}
		seen[p.name] = memory{rest: rest, highest: highest}
	}
	return seen, nil
}

// meanSize is the mean encoded size in bytes of a container in a list of 500.
func meanSize() float64 {
	const n = 500
	size := 0
	for _, c := range cannedContainers(n) {
		size += proto.Size(c)
	}
	return float64(size) / n
}
