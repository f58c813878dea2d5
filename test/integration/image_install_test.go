package integration

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// atImage runs a command with the Debian itself as an image that is mounted at /image.
func atImage(t *testing.T, d *testbed.Debian, command string) string {
	t.Helper()
	return in(t, d, "sh", "-c", "mkdir -p /run/image && mount --bind / /run/image && "+command)
}

// Into an image, on which no systemd runs, the same is installed as on a node: systemd's own
// programs, and those of the image itself, find the units enabled and faultless; and an
// uninstallation leaves nothing behind.
func TestNodeInstallIntoImage(t *testing.T) {
	t.Parallel()
	d := newDebian(t, testbed.ImageBuild)
	program, err := os.ReadFile(programs.Shim)
	if err == nil {
		err = d.Write(installedShim, string(program), 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	write(t, d, "/usr/lib/systemd/system/kubelet.service", "[Service]\nExecStart=/bin/true --config=/var/lib/kubelet/config.yaml\n")
	write(t, d, "/var/lib/kubelet/config.yaml", "kind: KubeletConfiguration\ncontainerRuntimeEndpoint: unix:///run/containerd/containerd.sock\n")
	files := func() string {
		t.Helper()
		return in(t, d, "find", "/etc", "/usr/local", "/usr/lib/systemd", "/var/lib", "-printf", "%p %M %U:%G %l\n")
	}
	states := func(root ...string) []string {
		t.Helper()
		said, err := d.Run(t.Context(), "sh", "-c", "mkdir -p /run/image && mount --bind / /run/image && systemctl "+strings.Join(root, " ")+" is-enabled cri-logshim.socket cri-logshim.service cri-logshim-bypass.service")
		states := strings.Fields(said)
		if len(states) != 3 {
			t.Fatalf("the units are %q, %v", said, err)
		}
		return states
	}
	before := files()

	const install = installedShim + " node install --root /run/image"
	if said := atImage(t, d, install+" --runtime-endpoint unix:///run/containerd/containerd.sock"); !strings.Contains(said, "Installed.") {
		t.Errorf("it says\n%s", said)
	}
	installed := files()
	for _, root := range [][]string{nil, {"--root=/run/image"}} {
		if got := states(root...); !slices.Equal(got, []string{"enabled", "enabled", "static"}) {
			t.Errorf("by systemctl %v the units are %q", root, got)
		}
	}
	for _, link := range []string{"multi-user.target.wants/cri-logshim.service", "sockets.target.wants/cri-logshim.socket"} {
		in(t, d, "test", "-e", "/etc/systemd/system/"+link)
	}
	if said := in(t, d, "systemd-analyze", "verify", "cri-logshim.service", "cri-logshim.socket"); said != "" {
		t.Errorf("systemd says of the units:\n%s", said)
	}
	if text := in(t, d, "cat", "/var/lib/kubelet/config.yaml"); !strings.Contains(text, "containerRuntimeEndpoint: unix:///run/cri-logshim/kubelet.sock\n") {
		t.Errorf("kubelet's configuration is\n%s", text)
	}
	atImage(t, d, install) // changes nothing
	if diff := differing(installed, files()); diff != "" {
		t.Errorf("a second installation changed:\n%s", diff)
	}

	atImage(t, d, installedShim+" node uninstall --root /run/image")
	if diff := differing(before, files()); diff != "" {
		t.Errorf("uninstalled:\n%s", diff)
	}
}

// differing are the lines that only one of two texts has, with - those of the first.
func differing(before, now string) string {
	old, lines := strings.Split(before, "\n"), strings.Split(now, "\n")
	var found []string
	for _, line := range old {
		if !slices.Contains(lines, line) {
			found = append(found, "- "+line)
		}
	}
	for _, line := range lines {
		if !slices.Contains(old, line) {
			found = append(found, "+ "+line)
		}
	}
	return strings.Join(found, "\n")
}
