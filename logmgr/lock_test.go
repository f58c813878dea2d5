package logmgr_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr"
	"github.com/cri-logshim/cri-logshim/logmgr/runtimetest"
)

// second starts another manager of the same logs, as the next process while the
// one before it has not ended. The rig's manager is the second from then on; the
// first one's end is returned.
func (r *rig) second() (stopFirst func()) {
	r.Helper()
	stop := r.stop
	r.start()
	stopSecond := r.stop
	return func() {
		r.Helper()
		stop()
		r.stop = stopSecond
	}
}

// TestSecondManagerWaits: two managers never have the same logs. The second does
// nothing and says why, is alive all the same, and takes over when the first has
// ended.
func TestSecondManagerWaits(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.policy.MaxSize = -1 // so that all rotations are the second one's
		r.start()
		c := r.run("app")
		r.policy.MaxSize = 100 * kib
		stopFirst := r.second()
		r.Created(c.Facts())
		r.Started(c.ID(), false)
		r.print(c, 100e3, 20*time.Second)
		if got := names(t, c.Path()); len(got) != 1 || len(c.Asked()) > 0 {
			t.Errorf("files %q, %d reopens, while the first manager runs", got, len(c.Asked()))
		}
		r.beats()
		if trouble := r.Trouble(); len(trouble) != 1 || !strings.Contains(trouble[0], "another") || !strings.Contains(trouble[0], r.dir) {
			t.Errorf("trouble %q does not tell of the other manager", trouble)
		}
		if got := r.said("another cri-logshim manages these logs"); got != 1 {
			t.Errorf("said %d times that it waits", got)
		}
		r.views(0)
		r.refusesOrders(c)
		stopFirst()
		r.pass(time.Second)
		r.views(1)
		if got := c.Reopens(); got != 1 {
			t.Errorf("%d rotations within a second after the first manager's end", got)
		}
		if trouble := r.Trouble(); len(trouble) > 0 {
			t.Errorf("trouble afterwards: %q", trouble)
		}
		r.beats()
		r.print(c, 100e3, 10*time.Second)
		r.inPlace(c)
		r.verify(c)
	})
}

// beats makes sure that the manager is alive.
func (r *rig) beats() {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), time.Millisecond)
	defer cancel()
	if err := r.Beat(ctx); err != nil {
		r.Error(err)
	}
}

// views makes sure that the manager tells at once of so many logs: whoever looks at the node while
// it waits would be kept waiting too, and learn nothing.
func (r *rig) views(logs int) {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), time.Millisecond)
	defer cancel()
	if v, err := r.View(ctx); err != nil || len(v.Logs) != logs {
		r.Errorf("%d logs are told of, %v, want %d", len(v.Logs), err, logs)
	}
}

// refusesOrders makes sure that a manager that waits takes no orders: it would carry them out when
// its time has come, perhaps hours after somebody has given them.
func (r *rig) refusesOrders(c *runtimetest.Container) {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), time.Millisecond)
	defer cancel()
	if _, err := r.Rotate(ctx, c.ID()); !errors.Is(err, logmgr.ErrNotRotated) {
		r.Errorf("a rotation is taken as an order: %v", err)
	}
	if _, err := r.Prune(ctx, logmgr.PruneOrder{}); !errors.Is(err, logmgr.ErrNothingRemoved) || errors.Is(err, context.DeadlineExceeded) {
		r.Errorf("a removal is taken as an order: %v", err)
	}
}

// TestEndWhileWaiting: who has waited in vain ends well and at once, and is in
// nobody's way afterwards.
func TestEndWhileWaiting(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		c := r.run("app")
		stopFirst := r.second()
		r.pass(time.Minute)
		stopSecond := r.stop
		began := time.Now()
		stopSecond() // its error would be reported
		if took := time.Since(began); took > 0 {
			t.Errorf("the end takes %v", took)
		}
		if !r.managed(c) {
			t.Error("the first manager does not work any longer")
		}
		stopFirst()
		r.start()
		r.pass(time.Second)
		if !r.managed(c) || len(r.Trouble()) > 0 {
			t.Errorf("the third manager does not work, trouble %q", r.Trouble())
		}
		r.verify(c)
	})
}
