package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// How much garbage may lie on the heap, in percent of what is in use there.
const (
	// mostGarbage is what a small heap has. Every other percent of a few MB costs
	// little: measured, calls take an eighth less CPU than with 100, and 5 MB more are
	// used.
	mostGarbage = 200
	// leastGarbage is what a large heap has.
	leastGarbage = 50
	// learningGarbage is what any has while many containers become known at once. What
	// is kept of them would else lie scattered among garbage, in twice the memory, for as
	// long as they exist.
	learningGarbage = 25
	// spare is the garbage, in bytes, for which a heap between the two has room: that of
	// calls is the same however many containers there are.
	spare = 8 << 20
)

// learning keeps the process small though it has much to remember for a while. It
// follows logmgr.Options.Learning.
func learning(on bool) {
	if on {
		allowGarbage(learningGarbage)
		return
	}
	runtime.GC()         // moves what is pooled to where the next collection finds it
	debug.FreeOSMemory() // collects first
	allowGarbage(garbageFor(liveHeap()))
}

// allowGarbage puts a share in force, unless whoever has set GOGC has decided already.
func allowGarbage(percent int) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
}

// garbageFor is how many percent a heap of so many bytes may have.
func garbageFor(live uint64) int {
	return int(min(max(100*spare/max(live, 1), leastGarbage), mostGarbage))
}

// liveHeap is what the last collection has left, in bytes.
func liveHeap() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return sample[0].Value.Uint64()
}
