package integration

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// cutter passes connections on to a socket, and cuts all of them again and again.
type cutter struct {
	target string

	mu    sync.Mutex
	conns map[net.Conn]bool
}

// newCutter serves a socket in front of containerd's, until the test ends. What it returns
// begins to cut about every second, and returns what ends that.
func newCutter(t *testing.T, containerd *testbed.Containerd) (endpoint string, everySecond func() (stop func())) {
	t.Helper()
	path := filepath.Join(containerd.Dir, "cut.sock")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{target: strings.TrimPrefix(containerd.Endpoint(), "unix://"), conns: map[net.Conn]bool{}}
	var group sync.WaitGroup
	group.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			group.Go(func() { c.pass(conn) })
		}
	})
	cutting, stop := context.WithCancel(t.Context())
	everySecond = func() func() {
		group.Go(func() {
			// Not at one pace: kubelet tries again every eight seconds, which would be cut each time.
			for {
				select {
				case <-time.After(time.Second + rand.N(400*time.Millisecond)):
					c.cut()
				case <-cutting.Done():
					return
				}
			}
		})
		return stop
	}
	t.Cleanup(func() {
		stop()
		if err := listener.Close(); err != nil {
			t.Error(err)
		}
		c.cut()
		group.Wait()
	})
	return "unix://" + path, everySecond
}

// pass copies both ways until one of them ends.
func (c *cutter) pass(from net.Conn) {
	to, err := net.Dial("unix", c.target)
	if err != nil {
		_ = from.Close()
		return
	}
	c.note(true, from, to)
	var group sync.WaitGroup
	group.Go(func() {
		_, _ = io.Copy(to, from)
		_ = to.Close()
	})
	_, _ = io.Copy(from, to)
	_ = from.Close()
	group.Wait()
	c.note(false, from, to)
}

func (c *cutter) note(open bool, conns ...net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range conns {
		if delete(c.conns, conn); open {
			c.conns[conn] = true
		}
	}
}

func (c *cutter) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.conns {
		_ = conn.Close() // it may have ended
	}
}

// The shim's connection to the runtime is cut every second, and with it the stream of
// events and whatever call is under way. Kubelet gives the events up and lists containers
// instead, pods go on and can be made, no line is lost, and the shim keeps nothing of the
// calls that have ended.
func TestEventStreamCutEverySecond(t *testing.T) {
	t.Parallel()
	onNewest(t, func(t *testing.T, containerd *testbed.Containerd) {
		endpoint, cutEverySecond := newCutter(t, containerd)
		n := newFaultyNode(t, containerd, endpoint)
		pod, writer := runStatic(t, n.kubelet, "writer", "Never", "seqwriter", "-rate=1000000", "-duration=10s")
		before, err := n.shim.Metric(t.Context(), "go_goroutines")
		if err != nil {
			t.Fatal(err)
		}
		stopCutting := cutEverySecond()
		ended := func(ctx context.Context) (float64, error) {
			return n.shim.Metric(ctx, "grpc_server_handled_total", `grpc_method="GetContainerEvents"`)
		}
		eventually(t, func(ctx context.Context) error {
			cuts, err := ended(ctx)
			if err == nil && cuts < eventedAttempts {
				err = fmt.Errorf("the stream of events has been cut %v times", cuts)
			}
			return err
		})
		amid, _ := runStatic(t, n.kubelet, "amid-cuts", "Always", "sleep", "1000000")
		listed, err := n.kubelet.Metric(t.Context(), relists)
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, func(ctx context.Context) error {
			now, err := n.kubelet.Metric(ctx, relists)
			if err == nil && now < listed+3 {
				err = fmt.Errorf("kubelet has listed all containers %v times", now-listed)
			}
			return err
		})
		exited(t, writer)
		n.isSteady(t)
		stopCutting()
		isComplete(t, writer.LogPath())
		if rotated := len(rotatedNames(t, writer.LogPath())); rotated < 20 {
			t.Errorf("the log was rotated %d times", rotated)
		}
		said, err := n.shim.Warnings()
		if err != nil {
			t.Error(err)
		}
		for _, line := range said { // a cut may come upon a call of the shim's own, or upon the next connect
			if !strings.Contains(line, "code = Unavailable") && !strings.Contains(line, "the runtime is away") {
				t.Errorf("the shim complains: %s", line)
			}
		}
		n.leavesNothing(t, pod, amid)
		eventually(t, func(ctx context.Context) error {
			now, err := n.shim.Metric(ctx, "go_goroutines")
			if err == nil && now > before+10 {
				err = fmt.Errorf("the shim has %v goroutines, of %v before", now, before)
			}
			return err
		})
		if cuts, err := ended(t.Context()); err != nil || cuts != eventedAttempts {
			t.Errorf("kubelet has opened %v streams of events: %v", cuts, err)
		}
	})
}
