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
	var last error
	for {
		err := condition(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() == nil || last == nil { // else it says only that the time is over
			last = err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), last)
		case <-tick.C:
		}
	}
}
