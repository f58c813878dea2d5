package logmgr

import "sync/atomic"

// whereabouts is what is known of where a container's output is. A log is tended before
// that is known, since a flood does not wait, but nothing is renamed or reopened yet:
//
//	unknown ──▶ awaited ──▶ presumed
//	   │           │           │
//	   └───────────┼───────────┘
//	               ├──▶ here: at the log path, and held to its policy
//	               └──▶ away: in a file that is the runtime's own, to which the log path is a link
//
// The answer is awaited when the tender has something to do. While it does not come, a
// regular file that grows at the log path is proof enough that the runtime writes there:
// the output is presumed here, and held to its policy, until the answer says otherwise.
type whereabouts struct{ state atomic.Int32 }

const (
	outputUnknown int32 = iota
	outputAwaited
	outputPresumed
	outputHere
	outputAway
)

func (w *whereabouts) here() bool { return w.state.Load() == outputHere }

func (w *whereabouts) away() bool { return w.state.Load() == outputAway }

// await tells whether the output is at the log path, or presumed there. While that is not
// known, whoever settles it is to nudge the log's tender.
func (w *whereabouts) await() bool {
	w.state.CompareAndSwap(outputUnknown, outputAwaited)
	return w.here() || w.state.Load() == outputPresumed
}

func (w *whereabouts) presumed() bool { return w.state.Load() == outputPresumed }

// presume takes in that the log grows at its path, unless the answer has come.
func (w *whereabouts) presume() { w.state.CompareAndSwap(outputAwaited, outputPresumed) }

// settle takes in the answer, and tells whether the registry has to hear of it: it was
// awaited, or was another one before.
func (w *whereabouts) settle(state int32) (news bool) {
	before := w.state.Swap(state)
	return before == outputAwaited || before == outputAway
}
