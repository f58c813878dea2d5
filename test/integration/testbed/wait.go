package testbed

import (
	"context"
	"fmt"
	"time"
)

const pollInterval = 20 * time.Millisecond

// Until calls condition again and again until it returns nil, and returns its last error
// when ctx ends before.
func Until(ctx context.Context, condition func(context.Context) error) error {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		err := condition(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		case <-tick.C:
		}
	}
}
