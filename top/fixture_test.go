package top

import (
	"fmt"
	"time"

	"github.com/cri-logshim/cri-logshim/admin/api"
)

// noon is the time on the daemon's clock in fixtures.
func noon() time.Time { return time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC) }

const mi = 1 << 20

// busyNode is a node on which one container writes far more than all others.
func busyNode() sample {
	now := noon()
	before := func(d time.Duration) *time.Time { return new(now.Add(-d)) }
	s := sample{node: api.Node{
		Time: now, Host: "worker-7", Version: "1.0.0", Mode: "proxy", Started: now.Add(-75 * time.Hour),
		Runtime: api.Runtime{Name: "containerd", Version: "v2.4.2", State: "ready"},
		Kubelet: api.Kubelet{Calls: true},
		Logs:    11, Active: 8, Elsewhere: 1, Rotations: 4183,
		Disk: api.Disk{
			LogBytes: new(int64(2_577 * mi)), KeptBytes: new(int64(412 * mi)), MaxBytes: new(int64(3072 * mi)),
			FreeBytes: new(int64(31_744 * mi)), MinFreeBytes: new(int64(12_288 * mi)),
		},
		Readers: []api.Reader{{Name: "fluent-bit", LagBytes: 38 * mi, Containers: 11, ContainersBehind: 1}},
		Errors: []api.Event{{
			Time: now.Add(-4 * time.Minute), Level: "warning", Reason: "LateRotation",
			Message: "the log grew to 1.31 times its limit before it was rotated", Namespace: "batch", Pod: "reindex-28961-4kq7d", Container: "worker",
		}},
	}}
	for i, l := range []struct {
		namespace, pod, container string
		rate, current, disk       int64
		files                     int
		rotations                 int64
		ratio                     float64
		written                   time.Duration
	}{
		{"batch", "reindex-28961-4kq7d", "worker", 23_800_000, 41 * mi, 1_936 * mi, 8, 3902, 11.4, 0},
		{"shop", "web-7d4b9c6f5-x2x8p", "nginx", 412_000, 7 * mi, 61 * mi, 8, 118, 14.2, 0},
		{"shop", "web-7d4b9c6f5-kk4vz", "nginx", 398_000, 3 * mi, 58 * mi, 8, 111, 14.1, 0},
		{"shop", "cart-6c9d8b7f44-m2q9t", "app", 96_300, 9 * mi, 44 * mi, 6, 31, 9.7, time.Second},
		{"ingress", "envoy-8fk2n", "envoy", 88_100, 5 * mi, 39 * mi, 6, 12, 12.8, 0},
		{"shop", "db-0", "postgres", 4_210, 2 * mi, 9 * mi, 3, 4, 8.3, 2 * time.Second},
		{"kube-system", "coredns-5d78c9869d-7xj4l", "coredns", 640, mi / 2, mi, 2, 1, 10.1, 3 * time.Second},
		{"monitoring", "node-exporter-w9cxd", "exporter", 118, mi / 5, mi / 5, 1, 0, 0, 9 * time.Second},
		{"kube-system", "kube-proxy-pn6fk", "kube-proxy", 0, mi / 7, mi / 7, 1, 0, 0, 14 * time.Minute},
		{"kube-system", "cilium-4j8zs", "agent", 0, 6 * mi, 17 * mi, 3, 2, 9.9, 48 * time.Second},
		{"shop", "cart-6c9d8b7f44-m2q9t", "migrate", 0, mi / 90, mi / 90, 1, 0, 0, 31 * time.Hour},
	} {
		log := api.Log{
			ID: fmt.Sprintf("%064x", 0xc0ffee00+i*7919), Namespace: l.namespace, Pod: l.pod, Container: l.container,
			PodUID: fmt.Sprintf("0b5c2f9e-3d1a-4c5e-9f00-%012d", i), State: "running", Managed: true,
			Path:         fmt.Sprintf("/var/log/pods/%s_%s_0b5c2f9e-3d1a-4c5e-9f00-%012d/%s/0.log", l.namespace, l.pod, i, l.container),
			CurrentBytes: new(l.current), DiskBytes: new(l.disk), Files: new(l.files), BytesPerSecond: l.rate,
			BytesWritten: l.current + l.rotations*10*mi, Rotations: l.rotations, CompressionRatio: l.ratio,
			LastWrite: before(l.written), Policy: api.Policy{MaxSize: 10 * mi, MaxFiles: 8, Compression: "gzip"},
		}
		if l.rotations > 0 {
			log.LastRotation = before(l.written + time.Minute)
		}
		if l.container == "worker" {
			log.Policy.MaxSize, log.Overshoot = 50*mi, 1.31
		}
		s.logs = append(s.logs, log)
		s.node.BytesPerSecond += l.rate
	}
	s.logs = append(s.logs, api.Log{
		ID: fmt.Sprintf("%064x", 0xdec0de), Namespace: "legacy", Pod: "billing-0", Container: "app", State: "running",
		Elsewhere: true, NotManaged: "the runtime writes it to files of its own", LastWrite: nil,
	})
	return s
}
