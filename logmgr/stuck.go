package logmgr

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/cri-logshim/cri-logshim/event"
)

const (
	stuckLook   = 5 * time.Second // how often it is looked whether something is stuck
	stuckRepeat = time.Minute     // how often that is said again
	stuckNamed  = 3               // how many steps are named
)

// report tells in the log what is stuck, and when nothing is any more: whoever waits for a
// dead disk cannot say so.
func (w *workload) report(ctx context.Context, log logrus.FieldLogger) error {
	ticker := time.NewTicker(stuckLook)
	defer ticker.Stop()
	var said time.Time // zero: nothing is stuck
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-ticker.C:
			trouble := w.trouble(now)
			switch {
			case len(trouble) == 0 && !said.IsZero():
				said = time.Time{}
				event.WorkUnstuck.On(log).Info("no work on logs is stuck any more")
			case len(trouble) > 0 && now.Sub(said) >= stuckRepeat:
				said = now
				event.WorkStuck.On(log).WithField("what", some(trouble)).Error("work on logs is stuck, and waits; calls are answered all the same")
			}
		}
	}
}

// some joins the first few of many.
func some(all []string) string {
	if more := len(all) - stuckNamed; more > 0 {
		return fmt.Sprintf("%s; and %d more", strings.Join(all[:stuckNamed], "; "), more)
	}
	return strings.Join(all, "; ")
}
