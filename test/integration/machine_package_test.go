package integration

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// Kubelet's calls know nothing of a package that is upgraded: dpkg returns, the new version
// serves, none has failed, and none took a second longer than it might. Its removal leads
// kubelet to the runtime and stops the service, and pods know nothing of that.
func TestPackageUpgradeUnderTraffic(t *testing.T) {
	older, newer := oldAndNew(t)
	m := newMachine(t, testbed.MachineOptions{Bare: true, Enabled: map[string]string{testbed.ContainerdUnit: "multi-user.target"}})
	dpkg(t, m, "--install", older)
	for _, unit := range []string{testbed.ShimSocket, testbed.ShimUnit} {
		if state, err := m.Property(t.Context(), unit, "ActiveState"); err != nil || state != "inactive" {
			t.Errorf("after the installation %s is %s: %v", unit, state, err)
		}
	}
	configure(t, m, "rotation: {maxSize: 1Mi, maxFiles: 1000}\nnode: {minFree: '', minFreeInodes: ''}\n")
	if _, err := m.Run(t.Context(), "systemctl", "enable", "--now", testbed.ShimSocket, testbed.ShimUnit); err != nil {
		t.Fatal(err)
	}
	client := dialMachine(t, m)
	writer := runWriter(t, client, m.PodConfig("default", "writer"), "-stream=both", "-rate=500000")
	before := running(t, writer)

	undisturbed := traffic(t, m, writer, func() { <-time.After(2 * time.Second) })
	passage := traffic(t, m, writer, func() {
		for i := range 6 {
			next := [2]testbed.Package{newer, older}[i%2]
			old := mainPID(t, m)
			dpkg(t, m, "--install", next)
			handedOver(t, m, old)
			if said, err := m.Run(t.Context(), fmt.Sprintf("/proc/%d/exe", mainPID(t, m)), "version"); err != nil || !strings.Contains(said, next.Version) {
				t.Errorf("there serves %s, %v, want %s", said, err, next.Version)
			}
		}
	})
	compare(t, undisturbed, passage)

	if _, err := m.Run(t.Context(), "dpkg", "--remove", "cri-logshim"); err != nil {
		t.Fatal(err)
	}
	for _, unit := range []string{testbed.ShimSocket, testbed.ShimUnit} {
		if state, err := m.Property(t.Context(), unit, "LoadState"); err != nil || state != "not-found" {
			t.Errorf("after the removal %s is %s: %v", unit, state, err)
		}
	}
	if leads, err := m.Run(t.Context(), "readlink", "/run/cri-logshim/kubelet.sock"); err != nil || leads != "/run/containerd/containerd.sock\n" {
		t.Errorf("after the removal kubelet's endpoint leads to %q: %v", leads, err)
	}
	direct, err := m.DialContainerd()
	if err != nil {
		t.Fatal(err)
	}
	defer direct.Close()
	left, err := direct.ContainerStatus(t.Context(), &runtimeapi.ContainerStatusRequest{ContainerId: writer.ID})
	if err != nil {
		t.Fatal(err)
	}
	// What the removal has said leads kubelet back, and not another installation by itself.
	dpkg(t, m, "--install", newer)
	if _, err := m.Run(t.Context(), "sh", "-c", leadBack); err != nil {
		t.Error(err)
	}
	if leads, err := m.Run(t.Context(), "readlink", kubeletLink); err != nil || leads != shimSocket+"\n" {
		t.Errorf("after another installation kubelet's endpoint leads to %q: %v", leads, err)
	}
	if now := left.Status; now.State != runtimeapi.ContainerState_CONTAINER_RUNNING || now.StartedAt != before.StartedAt {
		t.Errorf("the container is %v, started at %d, before at %d", now.State, now.StartedAt, before.StartedAt)
	}
}

// dpkg installs a package in a machine.
func dpkg(t *testing.T, m *testbed.Machine, action string, p testbed.Package) {
	t.Helper()
	inside := "/root/" + filepath.Base(p.Deb)
	if err := m.WriteFile(inside, []byte(readFile(t, p.Deb)), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Run(t.Context(), "dpkg", "--force-confdef", "--force-confold", action, inside); err != nil {
		t.Fatal(err)
	}
}
