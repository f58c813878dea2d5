package proxy

import (
	"sync"
	"testing"
)

// Of the calls that count as before the division each is seen by whoever looks right after
// it, however the two meet: one that was not would be given up without its time.
func TestNoCallBeginsBehindTheDivision(t *testing.T) {
	t.Parallel()
	const rounds, atOnce = 10_000, 4
	for range rounds {
		var (
			c     calls
			begun sync.WaitGroup
			got   [atOnce]bool
			start = make(chan struct{})
		)
		for i := range got {
			begun.Go(func() {
				<-start
				got[i] = c.begin() == &c.before
			})
		}
		close(start)
		c.divide()
		seen := c.before.Load()
		begun.Wait()
		count := int64(0)
		for _, before := range got {
			if before {
				count++
			}
		}
		if count > seen {
			t.Fatalf("%d calls were seen, and %d count as before", seen, count)
		}
		if all := c.before.Load() + c.since.Load(); all != atOnce || c.before.Load() != count {
			t.Fatalf("%d calls count as before and %d in all, want %d and %d", c.before.Load(), all, count, atOnce)
		}
	}
}
