package logmgr

import "sync/atomic"

// whereabouts is what is known of where a container's output is. A log is tended before
// that is known, since a flood does not wait, but nothing is renamed or reopened yet:
//
//	unknown ──▶ awaited: its tender has something to do, and waits for the answer
//	   │           │
//	   └─────┬─────┘
//	         ├──▶ here: at the log path, and held to its policy
//	         └──▶ away: in a file that is the runtime's own, to which the log path is a link
type whereabouts struct{ state atomic.Int32 }

const (
	outputUnknown int32 = iota
	outputAwaited
	outputHere
	outputAway
)

func (w *whereabouts) here() bool { return w.state.Load() == outputHere }

func (w *whereabouts) away() bool { return w.state.Load() == outputAway }

// await tells whether the output is at the log path. While that is not known, whoever
// settles it is to nudge the log's tender.
func (w *whereabouts) await() bool {
	w.state.CompareAndSwap(outputUnknown, outputAwaited)
	return w.here()
}

// settle takes in the answer, and tells whether it was awaited.
func (w *whereabouts) settle(state int32) (awaited bool) {
	return w.state.Swap(state) == outputAwaited
}
