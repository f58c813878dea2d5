package integration

import (
	"slices"
	"strings"
	"testing"

	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// packageManager is one that runs the scripts of a package in its own way.
type packageManager struct {
	name                     string
	file                     func(testbed.Package) string
	install, upgrade, remove []string
}

func packageManagers() []packageManager {
	rpm := []string{"rpm", "--force-debian", "--nodeps"}
	return []packageManager{
		{
			name:    "dpkg",
			file:    func(p testbed.Package) string { return p.Deb },
			install: []string{"dpkg", "--install"},
			upgrade: []string{"dpkg", "--install"},
			remove:  []string{"dpkg", "--remove", "cri-logshim"},
		},
		{
			name:    "rpm",
			file:    func(p testbed.Package) string { return p.RPM },
			install: append(slices.Clone(rpm), "--install"),
			upgrade: append(slices.Clone(rpm), "--upgrade"),
			remove:  append(slices.Clone(rpm), "--erase", "cri-logshim"),
		},
	}
}

// systemctlStandIn writes down how it is called, but for questions about properties. It says that
// units are active when /active is there and enabled when /enabled is, and fails when /broken is.
const systemctlStandIn = `#!/bin/sh
case "$*" in show*) exit ;; esac
echo "$*" >>/systemctl.log
[ ! -e /broken ] || exit 1
case "$*" in
*is-active*) [ -e /active ] ;;
*is-enabled*) [ -e /enabled ] ;;
esac
`

// calls are those of systemctl since the last time.
func calls(t *testing.T, d *testbed.Debian) []string {
	t.Helper()
	said := in(t, d, "sh", "-c", "touch /systemctl.log && cat /systemctl.log && rm /systemctl.log")
	return slices.Collect(strings.Lines(said))
}

// Where systemd runs, an installation only tells it that there are new units. An upgrade
// has an active service hand over, stops nothing and starts nothing; a removal disables and
// stops socket and service at once.
func TestPackageScripts(t *testing.T) {
	const (
		loaded   = "daemon-reload\n"
		asked    = "--quiet is-active cri-logshim.service\n"
		enabled  = "--quiet is-enabled cri-logshim.service\n"
		reloaded = "reload cri-logshim.service\n"
		disabled = "--quiet disable cri-logshim.socket cri-logshim.service\n"
		stopped  = "stop cri-logshim.socket cri-logshim.service\n"
	)
	older, newer := oldAndNew(t)
	for _, manager := range packageManagers() {
		t.Run(manager.name, func(t *testing.T) {
			d := newDebian(t, testbed.ImageBuild)
			write(t, d, "/run/systemd/system/.is-there", "")
			if err := d.Write("/usr/bin/systemctl", systemctlStandIn, 0o755); err != nil {
				t.Fatal(err)
			}
			first, second := take(t, d, manager.file(older)), take(t, d, manager.file(newer))
			step := func(what string, want []string, command ...string) string {
				t.Helper()
				said := in(t, d, command...)
				if got := calls(t, d); !slices.Equal(got, want) {
					t.Errorf("%s called systemctl %q, want %q", what, got, want)
				}
				return said
			}
			said := step("the installation", []string{loaded, asked, enabled}, append(manager.install, first)...)
			if !strings.Contains(said, "nothing is enabled or started") {
				t.Errorf("the installation does not say what it leaves to do:\n%s", said)
			}
			step("an upgrade of a service that is off", []string{loaded, asked, enabled}, append(manager.upgrade, second)...)
			step("the removal", []string{disabled, stopped, loaded}, manager.remove...)

			step("the second installation", []string{loaded, asked, enabled}, append(manager.install, first)...)
			write(t, d, "/active", "")
			write(t, d, packagedConfig, "kind: Other\n")
			said = step("an upgrade of an active service", []string{loaded, asked, reloaded}, append(manager.upgrade, second)...)
			if !strings.Contains(said, "refuses the configuration") {
				t.Errorf("the upgrade does not say that the configuration is refused:\n%s", said)
			}
			if text := in(t, d, "cat", packagedConfig); text != "kind: Other\n" {
				t.Errorf("the upgrade changed the configuration to:\n%s", text)
			}
			write(t, d, "/broken", "")
			if said := in(t, d, manager.remove...); !strings.Contains(said, "systemctl stop failed") {
				t.Errorf("the removal does not say that systemctl failed:\n%s", said)
			}
			if _, err := d.Run(t.Context(), "test", "-e", packagedShim); err == nil {
				t.Error("the binary is left")
			}
		})
	}
}

// kubeletHere makes kubelet's files lead to cri-logshim, as an installation that was not taken back
// has left them.
func kubeletHere(t *testing.T, d *testbed.Debian) {
	t.Helper()
	write(t, d, "/etc/systemd/system/kubelet.service", "[Service]\nExecStart=/usr/bin/kubelet --container-runtime-endpoint=unix:///run/cri-logshim/kubelet.sock\n")
}

// Where kubelet's files lead to cri-logshim, both a removal and an installation whose units nobody
// has enabled say that kubelet is left without a runtime, and what to do; else neither does.
func TestPackageScriptsAndKubelet(t *testing.T) {
	const lost = "find no runtime"
	older, _ := oldAndNew(t)
	for _, manager := range packageManagers() {
		for name, systemd := range map[string]bool{"systemd": true, "an image": false} {
			t.Run(manager.name+", "+name, func(t *testing.T) {
				d := newDebian(t, testbed.ImageBuild)
				if systemd {
					write(t, d, "/run/systemd/system/.is-there", "")
				}
				if err := d.Write("/usr/bin/systemctl", systemctlStandIn, 0o755); err != nil {
					t.Fatal(err)
				}
				file := take(t, d, manager.file(older))
				says := func(what string, want bool, command ...string) string {
					t.Helper()
					said := in(t, d, command...)
					if strings.Contains(said, lost) != want {
						t.Errorf("%s: want %q: %v:\n%s", what, lost, want, said)
					}
					return said
				}
				install, remove := append(slices.Clone(manager.install), file), manager.remove
				says("an installation", false, install...)
				says("a removal", false, remove...)
				if _, err := d.Run(t.Context(), "test", "-e", "/run/cri-logshim/bypass.state"); err == nil {
					t.Error("a bypass is left where nobody was led to cri-logshim")
				}
				kubeletHere(t, d)
				write(t, d, "/var/lib/cri-logshim/install.json", `{"version": 1, "state": "installed", "files": []}`)
				if said := says("an installation after kubelet's", true, install...); !strings.Contains(said, "systemctl enable --now") {
					t.Errorf("it does not say what to do:\n%s", said)
				}
				write(t, d, "/enabled", "")
				says("another version", false, append(slices.Clone(manager.upgrade), again(manager, file)...)...)
				if said := says("a removal before kubelet's", true, remove...); !strings.Contains(said, "node uninstall") {
					t.Errorf("it does not say what to do:\n%s", said)
				}
			})
		}
	}
}

// again are the arguments with which a package manager installs the same package over itself.
func again(m packageManager, file string) []string {
	if m.name == "rpm" {
		return []string{"--replacepkgs", file}
	}
	return []string{file}
}

// A removal leads kubelet's link past the service, and says how it is led back.
func TestPackageRemovalLeadsKubelet(t *testing.T) {
	older, _ := oldAndNew(t)
	for _, manager := range packageManagers() {
		t.Run(manager.name, func(t *testing.T) {
			d := newDebian(t, testbed.ImageBuild)
			write(t, d, "/run/systemd/system/.is-there", "")
			if err := d.Write("/usr/bin/systemctl", systemctlStandIn, 0o755); err != nil {
				t.Fatal(err)
			}
			in(t, d, append(slices.Clone(manager.install), take(t, d, manager.file(older)))...)
			in(t, d, "sh", "-c", "mkdir -p /run/cri-logshim && ln -s /run/cri-logshim/cri-logshim.sock /run/cri-logshim/kubelet.sock")
			said := in(t, d, manager.remove...)
			if !strings.Contains(said, leadBack) {
				t.Errorf("the removal does not say %q:\n%s", leadBack, said)
			}
			if target := in(t, d, "readlink", kubeletLink); target != runtimePath+"\n" {
				t.Errorf("kubelet's endpoint leads to %q", target)
			}
		})
	}
}

// leadBack is what a removal says will lead kubelet back when the package has come again.
const leadBack = "systemctl enable --now cri-logshim.socket cri-logshim.service && cri-logshim bypass off"

// A system without systemctl, as many images for containers are, takes the packages all the
// same.
func TestPackagesWithoutSystemctl(t *testing.T) {
	older, newer := oldAndNew(t)
	for _, manager := range packageManagers() {
		t.Run(manager.name, func(t *testing.T) {
			d := newDebian(t, testbed.ImageBuild)
			in(t, d, "rm", "/usr/bin/systemctl")
			for _, command := range [][]string{
				append(manager.install, take(t, d, manager.file(older))), append(manager.upgrade, take(t, d, manager.file(newer))), manager.remove,
			} {
				if said := in(t, d, command...); strings.Contains(said, "systemctl: ") || strings.Contains(said, "not found") {
					t.Errorf("%q looks for systemctl:\n%s", command, said)
				}
			}
		})
	}
}
