package top

import (
	"fmt"
	"time"
)

// minInterval is how often the daemon may be asked.
const minInterval = 100 * time.Millisecond

// Options say what is shown at first, and how.
type Options struct {
	// Interval is how long after an answer the daemon is asked again.
	Interval time.Duration
	Order    Order
	Reverse  bool
	Filter   Filter
	// Colour is whether there may be colours, ASCII whether there may be nothing but ASCII.
	Colour, ASCII bool
}

// Check returns an error about what cannot hold.
func (o Options) Check() error {
	if o.Interval < minInterval {
		return fmt.Errorf("an interval of %s: must be at least %s", o.Interval, minInterval)
	}
	return nil
}
