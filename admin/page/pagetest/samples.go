package pagetest

import (
	"fmt"

	"github.com/cri-logshim/cri-logshim/admin/api"
)

const mib = 1 << 20

// Log is the log of a running container that is held to the default policy.
func Log(namespace, pod, container string, bytesPerSecond int64) api.Log {
	id := fmt.Sprintf("%016x", hash(namespace+"/"+pod+"/"+container))
	return api.Log{
		ID: id + id + id + id, Namespace: namespace, Pod: pod, PodUID: "5b3f0d52-1c2e-4a55-9d0e-" + id[:12], Container: container,
		State: "running", Managed: true, Path: fmt.Sprintf("/var/log/pods/%s_%s_%s/%s/0.log", namespace, pod, "5b3f0d52-1c2e-4a55-9d0e-"+id[:12], container),
		CurrentBytes: new(int64(hash(id) % (9 * mib))), DiskBytes: new(int64(hash(id) % (9 * mib))), Files: new(1),
		BytesPerSecond: bytesPerSecond, BytesWritten: int64(hash(pod) % (900 * mib)),
		LastWrite: new(start().Add(-Step)),
		Policy:    api.Policy{MaxSize: 10 * mib, MaxFiles: 5, Compression: "gzip"},
	}
}

// hash is a number for a text, the same in each run.
func hash(text string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * 1099511628211
	}
	return h >> 1
}

// Many is a node with so many logs, a tenth of which are written to.
func Many(logs int) *Node {
	all := make([]api.Log, logs)
	for i := range all {
		rate := int64(0)
		if i%10 == 0 {
			rate = int64(hash(fmt.Sprint(i)) % 200_000)
		}
		all[i] = Log(fmt.Sprintf("team-%d", i%7), fmt.Sprintf("worker-%04d", i), "app", rate)
	}
	return New(all...)
}

// Sample is a node with twelve pods, one of which floods its log: the one of the pictures in docs/.
func Sample() *Node {
	render := Log("batch", "render-frames-7xk2p", "render", 900_000)
	render.Files, render.DiskBytes, render.Rotations = new(5), new(int64(48*mib)), 811
	render.LastRotation, render.Overshoot, render.CompressionRatio = new(start().Add(-Step)), 1.04, 9.3

	web := Log("shop", "web-6c8d7f9b54-m2x8v", "nginx", 412_000)
	web.Files, web.DiskBytes, web.Rotations = new(5), new(int64(31*mib)), 96
	api1 := Log("shop", "api-74f9c6d5b8-qk7zt", "api", 236_500)
	api1.Files, api1.DiskBytes, api1.Rotations = new(4), new(int64(24*mib)), 51
	api1.Policy.MaxTotalSize, api1.Policy.Compression, api1.CompressionRatio = 40*mib, "zstd", 12.1
	mesh := Log("shop", "api-74f9c6d5b8-qk7zt", "istio-proxy", 58_200)

	old := Log("shop", "checkout-5d7b8c9f6-2lnrw", "checkout", 0)
	old.State, old.LastWrite, old.Attempt = "exited", new(start().Add(-42*Step*60)), 3
	broken := Log("data", "postgres-0", "postgres", 1_900)
	broken.LastError = `compress "0.log.20261120-030822.118204331": no space left on device`
	docker := Log("legacy", "importer-0", "importer", 0)
	docker.Elsewhere, docker.Managed, docker.NotManaged = true, false, "the runtime keeps the output in files of its own"
	docker.Files, docker.CurrentBytes, docker.DiskBytes, docker.LastWrite = nil, nil, nil, nil
	kept := Log("data", "redis-0", "redis", 310)
	kept.Policy.KeepAfterRemoval = 3600

	n := New(
		Log("kube-system", "coredns-7db6d8ff4d-9xw4c", "coredns", 640), render, web, kept, mesh, old,
		Log("kube-system", "kube-proxy-hl6wd", "kube-proxy", 0), api1, broken,
		Log("monitoring", "node-exporter-vz5sg", "node-exporter", 95),
		Log("monitoring", "fluent-bit-4d8rm", "fluent-bit", 2_150), docker,
		Log("ingress", "gateway-84c7f5b6d-x9j2q", "envoy", 128_400),
	)
	n.flood = func(step int, l *api.Log) {
		if l.ID == render.ID && step >= 34 && step < 37 { // within three steps to eight times as much
			l.BytesPerSecond *= 2
		}
	}
	n.Say(api.Event{Level: "info", Reason: "Serving", Message: "serving"})
	n.Say(api.Event{Level: "info", Reason: "RuntimeConnected", Message: "connected to the runtime"})
	n.Say(api.Event{
		Level: "warning", Reason: "OverLimit", Message: "rotated late: the file had 2.1 times its limit", Count: 3,
		Namespace: "batch", Pod: "render-frames-7xk2p", Container: "render",
	})
	n.Say(api.Event{
		Level: "error", Reason: "WorkFailed", Message: "cannot compress a rotated file: no space left on device",
		Namespace: "data", Pod: "postgres-0", Container: "postgres",
	})
	return n
}

// Hostile is a node whose names and messages would like to be more than text.
func Hostile() *Node {
	const script = `</script><script>alert(1)</script>`
	const image = `<img src=x onerror=alert(1)>`
	long := make([]byte, 10_000)
	for i := range long {
		long[i] = "abcdefghij"[i%10]
	}
	markup := Log(image, script, `"><svg onload=alert(1)>`, 5_000)
	markup.LastError, markup.State, markup.ID = script+image, image, `"><b>$(reboot)`
	turned := Log("shop", "web\u202egpj.exe\u2066\x1b[31m\x00", "app\r\n\u200f", 4_000)
	turned.Managed, turned.NotManaged = false, image
	n := New(markup, turned, Log(string(long), string(long), string(long), 3_000), Log("shop", "__proto__", "constructor", 2_000))
	n.Change(func(node *api.Node) {
		node.Host, node.Mode, node.Version = image, script, image
		node.Reasons = []string{image, script, string(long)}
		node.Disk.Pressure = image
		node.Runtime = api.Runtime{Name: image, Version: script, State: image}
		node.Readers = []api.Reader{{Name: image}, {Name: string(long), LagBytes: 1}}
	})
	n.Say(api.Event{Level: "error", Reason: image, Message: script + image, Namespace: image, Pod: script, Container: image})
	n.Say(api.Event{Level: image, Message: string(long) + "\u202e", Pod: turned.Pod, Container: turned.Container})
	return n
}
