// Package packaging_test checks what users are given: packages and archives.
package packaging_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"debug/buildinfo"
	"debug/elf"
	"errors"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// version is one that no commit has.
const version = "v0.9.0-rc.1"

// TestReleaseIsReproducible holds that a release is the same, to the byte, when it is made
// from another folder, at another time, with other file modes and other settings of the
// one who makes it; and that its parts are what they are called.
func TestReleaseIsReproducible(t *testing.T) {
	here, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	first := release(t, here, "umask 022")
	elsewhere := copyRepository(t, here)
	second := release(t, elsewhere, "umask 077; export TZ=Pacific/Chatham LANG=C.UTF-8 GOFLAGS=-tags=other GOAMD64=v3 GOARM64=v9.0 HOSTNAME=other")
	sums := readFile(t, filepath.Join(first, "SHA256SUMS"))
	if others := readFile(t, filepath.Join(second, "SHA256SUMS")); others != sums {
		t.Errorf("a release has the sums\n%sand another one of the same commit\n%s", sums, others)
	}
	run(t, first, "sha256sum --check --strict SHA256SUMS")

	for _, arch := range []struct {
		name, deb, rpm string
		machine        elf.Machine
	}{
		{"amd64", "amd64", "x86_64", elf.EM_X86_64},
		{"arm64", "arm64", "aarch64", elf.EM_AARCH64},
	} {
		for _, name := range []string{
			"cri-logshim_0.9.0~rc.1_" + arch.deb + ".deb",
			"cri-logshim-0.9.0~rc.1-1." + arch.rpm + ".rpm",
			"cri-logshim-0.9.0-rc.1-linux-" + arch.name + ".tar.gz",
		} {
			if !strings.Contains(sums, "  "+name+"\n") {
				t.Errorf("%s is not in the release:\n%s", name, sums)
			}
		}
		folder := "cri-logshim-0.9.0-rc.1-linux-" + arch.name
		files := unpack(t, filepath.Join(first, folder+".tar.gz"))
		for _, name := range []string{
			"LICENSE", "third-party-licenses.txt", "systemd/cri-logshim.service", "systemd/cri-logshim.socket", "systemd/cri-logshim-bypass.service", "systemd/bypass.sh", "systemd/config.yaml",
			"share/man/man1/cri-logshim.1", "share/man/man1/cri-logshim-logs.1", "share/bash-completion/completions/cri-logshim",
			"kubectl-logshim", "kubectl_complete-logshim", "share/man/man1/kubectl-logshim-logs.1",
		} {
			if len(files[path.Join(folder, name)]) == 0 {
				t.Errorf("%s.tar.gz does not hold %s", folder, name)
			}
		}
		checkLinks(t, files)
		checkBinary(t, files[path.Join(folder, "cri-logshim")], arch.machine, here)
	}
}

// checkLinks holds that what documents link to beside them is there.
func checkLinks(t *testing.T, files map[string][]byte) {
	t.Helper()
	link := regexp.MustCompile(`\]\(([^):#]+)[)#]`)
	for name, text := range files {
		if path.Ext(name) != ".md" {
			continue
		}
		for _, found := range link.FindAllSubmatch(text, -1) {
			if to := path.Join(path.Dir(name), string(found[1])); files[to] == nil {
				t.Errorf("%s links to %s, which is not there", name, to)
			}
		}
	}
}

// checkBinary holds that a binary is for a machine, needs nothing else to run, and says
// nothing of where it was made.
func checkBinary(t *testing.T, content []byte, machine elf.Machine, folder string) {
	t.Helper()
	binary, err := elf.NewFile(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	if binary.Machine != machine {
		t.Errorf("the binary is for %v, want %v", binary.Machine, machine)
	}
	if libraries, err := binary.ImportedLibraries(); err != nil || len(libraries) > 0 || binary.Section(".interp") != nil {
		t.Errorf("the binary for %v is not static: %v, %v", machine, libraries, err)
	}
	info, err := buildinfo.Read(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(info.String(), "-X main.version="+version) && !bytes.Contains(content, []byte(version)) {
		t.Errorf("the binary for %v does not know its version", machine)
	}
	if bytes.Contains(content, []byte(folder+"/")) {
		t.Errorf("the binary for %v names the folder %s", machine, folder)
	}
}

// TestVersions holds what packages are called, and that whatever nobody can order is
// refused.
func TestVersions(t *testing.T) {
	for given, want := range map[string]string{
		"v1.2.3":                      "1.2.3",
		"1.2.3":                       "1.2.3",
		"v1.2.3-rc.1":                 "1.2.3~rc.1",
		"v1.2.3-4-g0123abc":           "1.2.3+4.g0123abc",
		"v1.2.3-rc.1-4-g0123abc":      "1.2.3~rc.1+4.g0123abc",
		"v1.2.3-4-g0123abc-dirty":     "1.2.3+4.g0123abc+dirty",
		"v1.2.3-dirty":                "1.2.3+dirty",
		"0123abc":                     "0~20010909014640.g0123abc",
		"0123abc-dirty":               "0~20010909014640.g0123abc+dirty",
		"":                            "",
		"v1.2":                        "",
		"1.2.3 4":                     "",
		"v1.2.3\nX: y":                "",
		"$(touch /tmp/x)":             "",
		"v1.2.3-4-g0123abc-something": "",
	} {
		cmd := exec.CommandContext(t.Context(), "../tools/release.sh", "version", "")
		cmd.Env = append(os.Environ(), "VERSION="+given, "SOURCE_DATE_EPOCH=1000000000")
		got, err := cmd.Output()
		if text := strings.TrimSpace(string(got)); text != want || (err == nil) != (want != "") {
			t.Errorf("%q becomes %q, want %q: %v", given, text, want, err)
		}
	}
}

// release makes a release of a repository in a shell that is set up in some way.
func release(t *testing.T, repository, setUp string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "release")
	run(t, repository, setUp+"; make release VERSION="+version+" OUT='"+out+"'")
	return out
}

// copyRepository copies what git knows, what it would, and git's own folder, and lets only
// the owner read it.
func copyRepository(t *testing.T, from string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "a folder", "elsewhere")
	if err := os.MkdirAll(to, 0o755); err != nil {
		t.Fatal(err)
	}
	run(t, from, "git -c safe.directory='*' ls-files -z --cached --others --exclude-standard | tar --create --null --files-from=- | "+
		"tar --extract --touch --directory='"+to+"' && cp --archive .git '"+to+"' && chmod -R go= '"+to+"'")
	return to
}

func run(t *testing.T, dir, script string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "-o", "pipefail", "-ec", script)
	cmd.Dir = dir
	// What another make around this test was told is not for this one.
	cmd.Env = append(os.Environ(), "MAKEFLAGS=", "MAKELEVEL=")
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", script, err, output)
	}
}

// unpack returns the files of an archive, by their names.
func unpack(t *testing.T, archive string) map[string][]byte {
	t.Helper()
	packed, err := gzip.NewReader(strings.NewReader(readFile(t, archive)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for in := tar.NewReader(packed); ; {
		header, err := in.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[header.Name], err = io.ReadAll(in); err != nil {
			t.Fatal(err)
		}
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
