package kubelet

import (
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	critest "k8s.io/cri-api/pkg/apis/testing"
	"k8s.io/kubernetes/pkg/kubelet/container"
	"k8s.io/kubernetes/pkg/kubelet/logs"
)

// Before kubelet removes a dead container it removes its logs. It finds every file that we
// made of them, and touches neither another attempt's nor what is kept elsewhere.
func TestCleanFindsAllOfOneAttempt(t *testing.T) {
	d := newDirectory(t)
	manager := newManager(t, runtimeOf(d, runtimeapi.ContainerState_CONTAINER_EXITED), "1P", 5)
	if err := manager.Clean(t.Context(), "id"); err != nil {
		t.Fatal(err)
	}
	if got, want := d.names(t), sorted(ofOthers()...); !slices.Equal(got, want) {
		t.Errorf("left are %q instead of %q", got, want)
	}
	d.checkKept(t)
}

// With the settings that we advise kubelet starts, and goes on cleaning up. The two others
// look as good: one stops kubelet from starting, one stops it from cleaning up.
func TestAdvisedSizes(t *testing.T) {
	for size, want := range map[string]struct{ starts, cleans bool }{
		"1P": {true, true}, "1Pi": {false, false}, "-1": {true, false},
	} {
		t.Run(size, func(t *testing.T) {
			d := newDirectory(t)
			service := runtimeOf(d, runtimeapi.ContainerState_CONTAINER_EXITED)
			manager, err := logs.NewContainerLogManager(service, container.RealOS{}, size, 5, 1, metav1.Duration{Duration: time.Hour})
			if (err == nil) != want.starts {
				t.Fatalf("starts: %v", err)
			}
			if err != nil {
				return
			}
			if err := manager.Clean(t.Context(), "id"); err != nil {
				t.Fatal(err)
			}
			if cleaned := !slices.Contains(d.names(t), current); cleaned != want.cleans {
				t.Errorf("cleans: %t", cleaned)
			}
		})
	}
}

// newManager is kubelet's container log manager; it looks once when it is started, and
// then every hour.
func newManager(t *testing.T, service *critest.FakeRuntimeService, maxSize string, maxFiles int) logs.ContainerLogManager {
	t.Helper()
	manager, err := logs.NewContainerLogManager(service, container.RealOS{}, maxSize, maxFiles, 1, metav1.Duration{Duration: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	return manager
}
