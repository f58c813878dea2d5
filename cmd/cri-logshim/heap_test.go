package main

import (
	"runtime"
	"runtime/debug"
	"testing"
)

// A small heap has room for garbage by its size, a larger one for as much as calls make.
func TestGarbageFor(t *testing.T) {
	for live, want := range map[uint64]int{0: 200, 1 << 20: 200, 4 << 20: 200, 8 << 20: 100, 10 << 20: 80, 16 << 20: 50, 1 << 40: 50} {
		if got := garbageFor(live); got != want {
			t.Errorf("%d bytes: %d percent, want %d", live, got, want)
		}
	}
	runtime.GC()
	if live := liveHeap(); live == 0 {
		t.Error("it is not known what is live")
	}
}

// Many containers at once have little garbage among them, and that is over when they are
// known. Whoever sets GOGC knows better.
func TestLearning(t *testing.T) {
	before := debug.SetGCPercent(300)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	inForce := func() int {
		percent := debug.SetGCPercent(300)
		debug.SetGCPercent(percent)
		return percent
	}
	t.Setenv("GOGC", "")
	learning(true)
	if got := inForce(); got != learningGarbage {
		t.Errorf("%d percent while containers become known, want %d", got, learningGarbage)
	}
	learning(false)
	if got := inForce(); got <= learningGarbage {
		t.Errorf("%d percent in this small process afterwards", got)
	}
	t.Setenv("GOGC", "77")
	debug.SetGCPercent(77)
	for _, on := range []bool{true, false} {
		learning(on)
		if got := inForce(); got != 77 {
			t.Errorf("%d percent instead of what GOGC says, learning: %v", got, on)
		}
	}
}
