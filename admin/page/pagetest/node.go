// Package pagetest is a node that does not exist, for what shows nodes to be tested with: its logs
// grow and are rotated, events come, and all of it is the same in each run.
package pagetest

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/cri-logshim/cri-logshim/admin/api"
)

// Step is how much of the node's time goes by from one question for its logs to the next.
const Step = 2 * time.Second

// Node answers what the admin API answers. Its methods may be called by several goroutines at once.
type Node struct {
	mu     sync.Mutex
	node   api.Node
	logs   []api.Log
	events []api.Event
	more   chan struct{} // closed when there is another event
	steps  int           // that have gone by
	last   int           // after which nothing changes; negative: never
	flood  func(step int, l *api.Log)
}

// start is when the node is first looked at.
func start() time.Time { return time.Date(2026, 11, 20, 3, 12, 0, 0, time.UTC) }

// New is a node with these logs, of which nothing has happened yet.
func New(logs ...api.Log) *Node {
	n := &Node{more: make(chan struct{}), last: -1, logs: logs, flood: func(int, *api.Log) {}}
	n.node = api.Node{
		Host: "worker-3", Version: "v0.1.0", Mode: "proxy", PID: 1207, Time: start(), Started: start().Add(-76 * time.Hour),
		Runtime: api.Runtime{Name: "containerd", Version: "2.4.2", Endpoint: "unix:///run/containerd/containerd.sock", State: "ready"},
		Kubelet: api.Kubelet{Calls: true},
		Disk: api.Disk{
			KeptBytes: new(int64(412 << 20)), MaxBytes: new(int64(4 << 30)),
			FreeBytes: new(int64(41 << 30)), MinFreeBytes: new(int64(12 << 30)),
			FreeInodes: new(int64(2_914_500)), MinFreeInodes: new(int64(393_216)),
		},
		Readers: []api.Reader{{Name: "fluent-bit", LagBytes: 3 << 20, Containers: len(logs), ContainersBehind: min(1, len(logs))}},
		Reasons: []string{}, Errors: []api.Event{}, Rotations: 1204,
	}
	n.sum()
	return n
}

// Change changes what the node says of itself.
func (n *Node) Change(change func(*api.Node)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	change(&n.node)
}

// ChangeLogs changes its logs.
func (n *Node) ChangeLogs(change func([]api.Log) []api.Log) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.logs = change(n.logs)
	n.sum()
}

// Skip lets so many steps go by at once.
func (n *Node) Skip(steps int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for range steps {
		n.step()
	}
}

// StopAfter lets nothing grow any more after so many steps since New.
func (n *Node) StopAfter(steps int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.last = steps
}

// Steps is how many steps have gone by.
func (n *Node) Steps() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.steps
}

// Restart is another process of the daemon: it has begun later and counts events anew.
func (n *Node) Restart() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.node.PID++
	n.node.Started = n.node.Time
	n.events, n.node.Errors = nil, []api.Event{}
	n.wake()
}

// Node is the daemon and the node as a whole.
func (n *Node) Node(context.Context) (api.Node, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	node := n.node
	node.Reasons, node.Readers, node.Errors = slices.Clone(node.Reasons), slices.Clone(node.Readers), slices.Clone(node.Errors)
	return node, nil
}

// Logs are all logs. Each time a step goes by.
func (n *Node) Logs(context.Context) (api.LogList, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.last < 0 || n.steps < n.last {
		n.step()
	}
	return api.LogList{Time: n.node.Time, Logs: slices.Clone(n.logs)}, nil
}

// Say makes an event of what is said now.
func (n *Node) Say(e api.Event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.say(e)
}

func (n *Node) say(e api.Event) {
	e.Sequence, e.Time, e.Count = uint64(len(n.events)+1), n.node.Time, max(1, e.Count)
	n.events = append(n.events, e)
	if e.Level != "info" {
		n.node.Errors = append([]api.Event{e}, n.node.Errors...)
	}
	n.wake()
}

func (n *Node) wake() {
	close(n.more)
	n.more = make(chan struct{})
}

// Events are the events after a sequence number. Where there is none it waits for one.
func (n *Node) Events(ctx context.Context, since uint64, wait time.Duration) (api.EventList, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for {
		n.mu.Lock()
		list := api.EventList{Events: []api.Event{}, Next: uint64(len(n.events))}
		if since < list.Next {
			list.Events = slices.Clone(n.events[since:])
		}
		more := n.more
		n.mu.Unlock()
		if len(list.Events) > 0 || wait == 0 {
			return list, nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return list, nil
		}
	}
}
