package logreader

import (
	"context"
	"time"
)

// Pause waits for so long, or until ctx is done, whose error it returns then. Sources that nobody
// wakes wait by it, too.
func Pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
