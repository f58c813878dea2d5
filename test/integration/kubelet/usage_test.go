package kubelet

import (
	"os"
	"syscall"
	"testing"

	"k8s.io/kubernetes/pkg/volume"
)

// Kubelet's usage of a container's logs, by which it evicts pods, is the sum over the
// files in the directory. Every block of ours is in it, once, also of a file that has a
// second name in the directory of kept logs.
func TestUsageCountsEveryFileOnce(t *testing.T) {
	d := newDirectory(t)
	var want, got int64
	linked := 0
	for _, name := range d.names(t) {
		info, err := os.Lstat(d.file(name))
		if err != nil {
			t.Fatal(err)
		}
		stat := info.Sys().(*syscall.Stat_t)
		want += stat.Blocks * 512
		if stat.Nlink == 2 {
			linked++
		}
		metrics, err := volume.NewMetricsDu(d.file(name)).GetMetrics()
		if err != nil {
			t.Fatal(err)
		}
		got += metrics.Used.Value()
	}
	if got != want || want == 0 || linked == 0 {
		t.Errorf("kubelet counts %d bytes; the files take %d, %d of them have two names", got, want, linked)
	}
	whole, err := volume.NewMetricsDu(d.path).GetMetrics()
	if err != nil {
		t.Fatal(err)
	}
	if used := whole.Used.Value(); used < want {
		t.Errorf("kubelet counts %d bytes in the whole directory, the files alone take %d", used, want)
	}
}
