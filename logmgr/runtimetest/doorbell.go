package runtimetest

import (
	"os"
	"sync"
)

// Doorbell is a logmgr.Doorbell that rings when a container of a Fake writes, or
// when a test says so. Like the kernel it goes by files, not by names.
type Doorbell struct {
	mu      sync.Mutex
	watches map[string]watch // by armed path
	arms    int
	onArm   func() error
}

type watch struct {
	file os.FileInfo
	ring func()
}

// NewDoorbell returns a doorbell that is armed nowhere.
func NewDoorbell() *Doorbell { return &Doorbell{watches: map[string]watch{}} }

// OnArm sets what comes before the next arming; it may fail or panic. nil ends it.
func (b *Doorbell) OnArm(f func() error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.onArm = f
}

// Arm implements logmgr.Doorbell.
func (b *Doorbell) Arm(path string, ring func()) error {
	b.mu.Lock()
	b.arms++
	before := b.onArm
	b.mu.Unlock()
	if before != nil {
		if err := before(); err != nil {
			return err
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.watches[path] = watch{info, ring}
	return nil
}

// Disarm implements logmgr.Doorbell.
func (b *Doorbell) Disarm(path string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.watches, path)
}

// Armed is how many files are watched.
func (b *Doorbell) Armed() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.watches)
}

// Arms is how often a watch was asked for.
func (b *Doorbell) Arms() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.arms
}

// Change does something to the file at path, such as moving it, and rings.
func (b *Doorbell) Change(path string, do func() error) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	err = do()
	b.changed(info)
	return err
}

// changed rings for a file, once.
func (b *Doorbell) changed(file os.FileInfo) {
	if b == nil {
		return
	}
	var rings []func()
	b.mu.Lock()
	for path, w := range b.watches {
		if os.SameFile(w.file, file) {
			delete(b.watches, path)
			rings = append(rings, w.ring)
		}
	}
	b.mu.Unlock()
	for _, ring := range rings {
		ring()
	}
}
