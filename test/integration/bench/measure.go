package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// maxCalls bounds what one caller does in one slot, however fast the path is.
const maxCalls = 1_000_000

// slot is what one workload gave on one path in one round.
type slot struct {
	latencies []time.Duration // sorted, of every call
	elapsed   time.Duration   // from the first call's begin to the last one's end
	cpu       time.Duration   // of the proxy process; 0 on the direct path
}

// measure makes a workload's calls on a path for about d. The first call that
// fails ends it.
func measure(ctx context.Context, w workload, p *path, d time.Duration) (slot, error) {
	before, err := p.cpu()
	if err != nil {
		return slot{}, err
	}
	begin := time.Now()
	perCaller := make([][]time.Duration, w.callers)
	group, callCtx := errgroup.WithContext(ctx)
	for i := range perCaller {
		group.Go(func() (err error) {
			perCaller[i], err = callFor(callCtx, w, p, d)
			return err
		})
	}
	err = group.Wait()
	elapsed := time.Since(begin)
	if err != nil {
		return slot{}, fmt.Errorf("%s on path %s: %w", w.name, p.name, err)
	}
	after, err := p.cpu()
	if err != nil {
		return slot{}, err
	}
	latencies := slices.Concat(perCaller...)
	slices.Sort(latencies)
	return slot{latencies: latencies, elapsed: elapsed, cpu: after - before}, nil
}

// callFor is one caller: the next call begins when the last one has returned.
func callFor(ctx context.Context, w workload, p *path, d time.Duration) ([]time.Duration, error) {
	latencies := make([]time.Duration, 0, 4096)
	begin := time.Now()
	last := begin
	for range maxCalls {
		if err := w.call(ctx, p.client); err != nil {
			return nil, err
		}
		now := time.Now()
		latencies = append(latencies, now.Sub(last))
		last = now
		if now.Sub(begin) >= d {
			break
		}
	}
	return latencies, nil
}

// cpu is what the path's proxy has used so far.
func (p *path) cpu() (time.Duration, error) {
	if p.proxy == nil {
		return 0, nil
	}
	return p.proxy.cpu()
}

// rounds measures every workload on every path in turn, n times over, so that
// whatever else the machine does meets all paths alike. Each round begins with another path.
func rounds(ctx context.Context, n int, d time.Duration, paths []*path, ws []workload) (series, error) {
	all := series{}
	for round := range n {
		for _, w := range ws {
			for i := range paths {
				p := paths[(round+i)%len(paths)]
				s, err := measure(ctx, w, p, d)
				if err != nil {
					return nil, err
				}
				all.add(w.name, p.name, s)
			}
		}
	}
	return all, nil
}
