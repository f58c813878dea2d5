package main

import (
	"context"
	"time"
)

// memory is what was seen of a proxy's resident memory, in bytes.
type memory struct{ rest, highest int64 }

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
