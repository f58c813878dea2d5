package integration

import (
	"context"
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

const (
	packagedShim     = "/usr/bin/cri-logshim"
	packagedPrograms = "/usr/lib/cri-logshim/" // of the units
	packagedUnits    = "/usr/lib/systemd/system/"
	packagedConfig   = "/etc/cri-logshim/config.yaml"
	enabledUnits     = "/etc/systemd/system/"
)

// packages are two versions, built once for the tests that need them.
var packages = sync.OnceValues(func() (two [2]testbed.Package, err error) {
	for i, version := range []string{"v0.1.0", "v0.2.0"} {
		if two[i], err = testbed.BuildPackage(context.Background(), filepath.Dir(programs.Shim), version); err != nil {
			return two, err
		}
	}
	return two, nil
})

// oldAndNew are the same as packages, or the end of the test.
func oldAndNew(t *testing.T) (older, newer testbed.Package) {
	t.Helper()
	two, err := packages()
	if err != nil {
		t.Fatal(err)
	}
	return two[0], two[1]
}

func newDebian(t *testing.T, around testbed.Surroundings) *testbed.Debian {
	t.Helper()
	d, err := testbed.NewDebian(around)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("clean up: %v", err)
		}
	})
	return d
}

// in runs a command in a Debian, which must not fail, and returns what it says.
func in(t *testing.T, d *testbed.Debian, command ...string) string {
	t.Helper()
	said, err := d.Run(t.Context(), command...)
	if err != nil {
		t.Fatal(err)
	}
	return said
}

// take makes a file of the machine a file of a Debian.
func take(t *testing.T, d *testbed.Debian, file string) string {
	t.Helper()
	inside, err := d.Take(file)
	if err != nil {
		t.Fatal(err)
	}
	return inside
}

func write(t *testing.T, d *testbed.Debian, path, content string) {
	t.Helper()
	if err := d.Write(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

func changed(t *testing.T, d *testbed.Debian) []string {
	t.Helper()
	found, err := d.Changed()
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// Where no systemd runs, as in a chroot or an image that is being made, the Debian package
// comes, is upgraded and goes without an error. By itself it enables nothing; it keeps what
// the operator has written and enabled, and leaves behind the configuration, until a purge,
// and logs even then.
func TestDebianPackage(t *testing.T) {
	const own = "# mine\napiVersion: cri-logshim.io/v1alpha1\nkind: Configuration\n"
	older, newer := oldAndNew(t)
	newest, err := newer.ChangeDefaults(t.Context(), "v0.3.0", "# other defaults")
	if err != nil {
		t.Fatal(err)
	}
	for _, around := range []testbed.Surroundings{testbed.Chroot, testbed.ImageBuild} {
		t.Run(string(around), func(t *testing.T) {
			d := newDebian(t, around)
			said := in(t, d, "dpkg", "--install", take(t, d, older.Deb))
			if !strings.Contains(said, "nothing is enabled or started") {
				t.Errorf("the installation does not say what it leaves to do:\n%s", said)
			}
			checkPackaged(t, d, older.Version)

			in(t, d, "systemctl", "enable", testbed.ShimSocket, testbed.ShimUnit)
			enabled := links(changed(t, d))
			if len(enabled) == 0 {
				t.Fatal("nothing can be enabled")
			}
			write(t, d, packagedConfig, own)
			for _, next := range []testbed.Package{newer, newest} {
				// What unattended upgrades set; without it dpkg asks about newer's defaults.
				said = in(t, d, "dpkg", "--force-confdef", "--force-confold", "--install", take(t, d, next.Deb))
				if strings.Contains(said, "nothing is enabled or started") {
					t.Errorf("the upgrade to %s says what an installation says:\n%s", next.Version, said)
				}
				if text := in(t, d, "cat", packagedConfig); text != own {
					t.Errorf("the upgrade to %s changed the configuration to:\n%s", next.Version, text)
				}
				if now := links(changed(t, d)); !slices.Equal(now, enabled) {
					t.Errorf("after the upgrade to %s are enabled %q, before %q", next.Version, now, enabled)
				}
			}
			// The last one is the second one with other defaults.
			if text := in(t, d, packagedShim, "version"); !strings.Contains(text, newer.Version) {
				t.Errorf("the binary is %s", text)
			}

			logs := []string{"/var/log/cri-logshim/kept/default_pod_uid/app/0.log.20260101-000000", "/var/log/pods/default_pod_uid/app/0.log"}
			for _, log := range logs {
				write(t, d, log, "a line\n")
			}
			in(t, d, "dpkg", "--remove", "cri-logshim")
			want := append([]string{packagedConfig, packagedConfig + ".dpkg-dist"}, logs...)
			if left := changed(t, d); !slices.Equal(left, want) {
				t.Errorf("the removal left %q, want %q", left, want)
			}
			in(t, d, "dpkg", "--purge", "cri-logshim")
			if left := changed(t, d); !slices.Equal(left, logs) {
				t.Errorf("the purge left %q, want %q", left, logs)
			}
		})
	}
	t.Run("defaults that nobody changed", func(t *testing.T) {
		d := newDebian(t, testbed.Chroot)
		in(t, d, "dpkg", "--install", take(t, d, older.Deb))
		in(t, d, "dpkg", "--install", take(t, d, newest.Deb))
		if text := in(t, d, "cat", packagedConfig); !strings.HasSuffix(text, "# other defaults\n") {
			t.Errorf("the new defaults are not in force:\n%s", text)
		}
	})
}

// fromHelp tells whether a file is one of those that are made of the help of the program.
func fromHelp(file string) bool {
	const share = "/usr/share/"
	if folder, name := path.Split(file); folder == share+"man/man1/" {
		return (strings.HasPrefix(name, "cri-logshim") || strings.HasPrefix(name, "kubectl-logshim")) && strings.HasSuffix(name, ".1")
	}
	for _, program := range []string{"cri-logshim", "kubectl-logshim"} {
		if slices.Contains([]string{
			share + "bash-completion/completions/" + program, share + "fish/vendor_completions.d/" + program + ".fish", share + "zsh/site-functions/_" + program,
		}, file) {
			return true
		}
	}
	return false
}

// checkPackaged looks at what an installation has put where.
func checkPackaged(t *testing.T, d *testbed.Debian, version string) {
	t.Helper()
	if text := in(t, d, packagedShim, "version"); !strings.Contains(text, version) {
		t.Errorf("the binary is %s, want %s", text, version)
	}
	in(t, d, packagedShim, "check-config")
	files := changed(t, d)
	for _, file := range []string{
		packagedShim, packagedUnits + testbed.ShimUnit, packagedUnits + testbed.ShimSocket, packagedConfig, packagedPrograms + "bypass.sh", "/usr/share/doc/cri-logshim/copyright",
		"/usr/share/man/man1/cri-logshim.1", "/usr/share/bash-completion/completions/cri-logshim",
		"/usr/bin/kubectl-logshim", "/usr/bin/kubectl_complete-logshim", "/usr/share/man/man1/kubectl-logshim-logs.1",
	} {
		if !slices.Contains(files, file) {
			t.Errorf("%s is not installed", file)
		}
	}
	for _, file := range files {
		program := slices.Contains([]string{packagedShim, "/usr/bin/kubectl-logshim", "/usr/bin/kubectl_complete-logshim"}, file) || strings.HasPrefix(file, packagedPrograms)
		if !strings.HasPrefix(file, packagedUnits+"cri-logshim") && !strings.HasPrefix(file, "/usr/share/doc/cri-logshim/") &&
			!program && !fromHelp(file) && file != packagedConfig {
			t.Errorf("%s is none of the package's business", file)
		}
		want := "644 root:root\n"
		if program {
			want = "755 root:root\n"
		}
		if mode := in(t, d, "stat", "--format=%a %U:%G", file); mode != want {
			t.Errorf("%s is %s, want %s", file, mode, want)
		}
	}
	checkLinks(t, d, files)
	// None is left that names a place which the package does not have.
	if said, err := d.Run(t.Context(), "grep", "--recursive", "--files-with-matches", "/usr/local", packagedUnits, "--include=cri-logshim*"); err == nil {
		t.Errorf("units name /usr/local:\n%s", said)
	}
	if said := in(t, d, "systemd-analyze", "verify", packagedUnits+testbed.ShimUnit); strings.Contains(said, "cri-logshim") {
		t.Errorf("systemd does not like the units:\n%s", said)
	}
}

// checkLinks holds that what packaged documents link to beside them is there.
func checkLinks(t *testing.T, d *testbed.Debian, files []string) {
	t.Helper()
	link := regexp.MustCompile(`\]\(([^):#]+)[)#]`)
	seen := 0
	for _, file := range files {
		if path.Ext(file) != ".md" {
			continue
		}
		for _, found := range link.FindAllStringSubmatch(in(t, d, "cat", file), -1) {
			seen++
			if to := path.Join(path.Dir(file), found[1]); !slices.Contains(files, to) {
				t.Errorf("%s links to %s, which is not there", file, to)
			}
		}
	}
	if seen == 0 {
		t.Error("the documents have no links")
	}
}

// links are the files that "systemctl enable" makes.
func links(files []string) []string {
	var found []string
	for _, file := range files {
		if strings.HasPrefix(file, enabledUnits) {
			found = append(found, file)
		}
	}
	return found
}

// Both formats hold the same files, and only the configuration is one that is kept. What
// they are called orders as their versions do.
func TestPackagesAgree(t *testing.T) {
	older, newer := oldAndNew(t)
	d := newDebian(t, testbed.ImageBuild)
	deb, rpm := take(t, d, older.Deb), take(t, d, older.RPM)
	listed := strings.Fields(in(t, d, "rpm", "--query", "--package", "--list", rpm))
	packed := strings.Fields(in(t, d, "sh", "-c", "dpkg-deb --fsys-tarfile "+deb+" | tar --list"))
	packed = slices.DeleteFunc(packed, func(name string) bool { return strings.HasSuffix(name, "/") })
	for i, name := range packed {
		packed[i] = "/" + strings.TrimPrefix(strings.TrimPrefix(name, "./"), "/")
	}
	listed = slices.DeleteFunc(listed, func(name string) bool { return isFolder(t, d, rpm, name) })
	slices.Sort(listed)
	slices.Sort(packed)
	if !slices.Equal(listed, packed) {
		t.Errorf("the RPM package holds %q, the Debian package %q", listed, packed)
	}
	if kept := in(t, d, "rpm", "--query", "--package", "--queryformat", "[%{FILEFLAGS:fflags} %{FILENAMES}\n]", rpm); !strings.Contains(kept, "cn "+packagedConfig) {
		t.Errorf("an upgrade of the RPM package replaces the configuration:\n%s", kept)
	}
	if kept := in(t, d, "dpkg-deb", "--info", deb, "conffiles"); kept != packagedConfig+"\n" {
		t.Errorf("an upgrade of the Debian package keeps %q", kept)
	}
	version := strings.TrimSpace(in(t, d, "dpkg-deb", "--field", take(t, d, newer.Deb), "Version"))
	in(t, d, "dpkg", "--compare-versions", version, "gt", strings.TrimSpace(in(t, d, "dpkg-deb", "--field", deb, "Version")))
}

// isFolder tells whether an RPM package holds a folder by a name.
func isFolder(t *testing.T, d *testbed.Debian, rpm, name string) bool {
	t.Helper()
	modes := in(t, d, "rpm", "--query", "--package", "--queryformat", "[%{FILEMODES:perms} %{FILENAMES}\n]", rpm)
	for line := range strings.Lines(modes) {
		if mode, file, _ := strings.Cut(strings.TrimSpace(line), " "); file == name {
			return strings.HasPrefix(mode, "d")
		}
	}
	t.Fatal(fmt.Errorf("%q is not in:\n%s", name, modes))
	return false
}
