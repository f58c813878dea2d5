package logmgr_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cri-logshim/cri-logshim/logmgr"
)

// TestMemoryPerLog bounds what a sleeping log costs in memory: all that is known of its
// container, its labels included, its directory and its watch.
func TestMemoryPerLog(t *testing.T) {
	const (
		logs  = 2000
		bound = 4 << 10 // bytes
	)
	r := newRig(t)
	bell := &sleepers{Inotify: inotify(t)}
	r.fake.Bell, r.options.Doorbell, r.options.Runtime = nil, bell, decoding{r.fake}
	r.fake.OnList(func(context.Context) error { return errors.New("not yet") })
	r.start()
	for i := range logs {
		facts := r.facts(fmt.Sprint("app", i))
		facts.PodLabels = map[string]string{
			"app.kubernetes.io/name": "app", "app.kubernetes.io/instance": fmt.Sprint("app-", i), "app.kubernetes.io/component": "server",
			"app.kubernetes.io/part-of": "shop", "pod-template-hash": "7c5ddbdf54", "io.kubernetes.container.name": "app",
		}
		r.behind(facts)
	}
	atOnce(logs)
	before := heap()
	r.fake.OnList(nil)
	r.Reconcile()
	await(t, "all logs are asleep", func() bool { return bell.asleep.Load() == logs })
	// Logs that have just fallen asleep are tidied, and have their link made, after that.
	var each int64
	defer func() { t.Logf("%d bytes of heap for each sleeping log", each) }()
	await(t, fmt.Sprintf("a sleeping log takes at most %d bytes", bound), func() bool {
		each = (heap() - before) / logs
		return each <= bound
	})
	r.end()
}

// atOnce has as many goroutines as there will be logs awake at the start. Go never gives
// back what describes a goroutine (some 0.4 KiB), and that belongs to no log.
func atOnce(n int) {
	var all sync.WaitGroup
	all.Add(n)
	end := make(chan struct{})
	for range n {
		go func() { defer all.Done(); <-end }()
	}
	close(end)
	all.Wait()
}

// heap is what is in use, in bytes.
func heap() int64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.GC() // the first one moves what is pooled to where the second one finds it
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// sleepers counts the logs that the kernel watches.
type sleepers struct {
	*logmgr.Inotify
	asleep atomic.Int64
}

func (s *sleepers) Arm(path string, ring func()) error {
	err := s.Inotify.Arm(path, ring)
	if err == nil {
		s.asleep.Add(1)
	}
	return err
}

func (s *sleepers) Disarm(path string) {
	s.asleep.Add(-1)
	s.Inotify.Disarm(path)
}

// decoding gives every answer strings of its own, as one that was decoded has.
type decoding struct{ logmgr.Runtime }

func (d decoding) Status(ctx context.Context, id string) (logmgr.Container, error) {
	c, err := d.Runtime.Status(ctx, id)
	for _, s := range []*string{&c.ID, &c.SandboxID, &c.Namespace, &c.Pod, &c.PodUID, &c.Name, &c.LogDirectory, &c.LogPath} {
		*s = strings.Clone(*s)
	}
	c.PodLabels, c.PodAnnotations = cloned(c.PodLabels), cloned(c.PodAnnotations)
	return c, err
}

func cloned(from map[string]string) map[string]string {
	to := maps.Clone(from)
	clear(to)
	for k, v := range from {
		to[strings.Clone(k)] = strings.Clone(v)
	}
	return to
}
