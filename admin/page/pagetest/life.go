package pagetest

import "github.com/cri-logshim/cri-logshim/admin/api"

// step lets time go by: logs grow by their rate, which goes up and down a little, and are rotated.
func (n *Node) step() {
	n.steps++
	n.node.Time = n.node.Time.Add(Step)
	now := n.node.Time
	for i := range n.logs {
		l := &n.logs[i]
		n.flood(n.steps, l)
		if l.BytesPerSecond == 0 || l.State != "running" {
			continue
		}
		wave := []int64{0, 3, 5, 6, 5, 3, 0, -3, -5, -6, -5, -3}
		l.BytesPerSecond += l.BytesPerSecond * wave[(n.steps+i)%len(wave)] / 100
		grown := l.BytesPerSecond * int64(Step.Seconds())
		l.BytesWritten += grown
		l.LastWrite = &now
		current := *l.CurrentBytes + grown
		if current >= l.Policy.MaxSize {
			current %= l.Policy.MaxSize
			n.rotated(l)
		}
		l.CurrentBytes = &current
		l.DiskBytes = new(min(*l.DiskBytes+grown, int64(l.Policy.MaxFiles)*l.Policy.MaxSize))
	}
	n.sum()
}

// rotated is what a rotation changes.
func (n *Node) rotated(l *api.Log) {
	now := n.node.Time
	l.Rotations++
	l.LastRotation = &now
	l.Files = new(min(*l.Files+1, l.Policy.MaxFiles))
	l.Overshoot = max(l.Overshoot, 1.02)
	n.node.Rotations++
}

// sum makes the figures of the node from those of its logs.
func (n *Node) sum() {
	n.node.Logs, n.node.Active, n.node.Elsewhere, n.node.BytesPerSecond = 0, 0, 0, 0
	total := *n.node.Disk.KeptBytes
	for _, l := range n.logs {
		n.node.BytesPerSecond += l.BytesPerSecond
		if l.BytesPerSecond > 0 {
			n.node.Active++
		}
		if l.Elsewhere {
			n.node.Elsewhere++
		} else if l.Managed {
			n.node.Logs++
		}
		if l.DiskBytes != nil {
			total += *l.DiskBytes
		}
	}
	n.node.Disk.LogBytes = &total
}
