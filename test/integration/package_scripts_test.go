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

// systemctlStandIn writes down how it is called. It says that units are active when
// /active is there, and fails when /broken is.
const systemctlStandIn = `#!/bin/sh
echo "$*" >>/systemctl.log
[ ! -e /broken ] || exit 1
case "$*" in *is-active*) [ -e /active ] ;; esac
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
			said := step("the installation", []string{loaded, asked}, append(manager.install, first)...)
			if !strings.Contains(said, "nothing is enabled or started") {
				t.Errorf("the installation does not say what it leaves to do:\n%s", said)
			}
			step("an upgrade of a service that is off", []string{loaded, asked}, append(manager.upgrade, second)...)
			step("the removal", []string{disabled, stopped, loaded}, manager.remove...)

			step("the second installation", []string{loaded, asked}, append(manager.install, first)...)
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
