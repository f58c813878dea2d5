package systemd_test

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestInstallAndUninstall holds that both honour DESTDIR and PREFIX, that a
// configuration that is there is never written over, and that nothing else is
// left behind.
func TestInstallAndUninstall(t *testing.T) {
	for prefix, units := range map[string]string{
		"/usr":       "usr/lib/systemd/system",
		"/usr/local": "usr/local/lib/systemd/system",
		"/opt/shim":  "etc/systemd/system",
	} {
		t.Run(prefix, func(t *testing.T) {
			dest := t.TempDir()
			runMake(t, "install", dest, prefix)
			binary := filepath.Join(strings.TrimPrefix(prefix, "/"), "bin/cri-logshim")
			way := filepath.Join(strings.TrimPrefix(prefix, "/"), "lib/cri-logshim", script)
			share := filepath.Join(strings.TrimPrefix(prefix, "/"), "share")
			want := map[string]bool{
				binary:                           true,
				way:                              true,
				filepath.Join(units, service):    true,
				filepath.Join(units, socket):     true,
				filepath.Join(units, bypassUnit): true,
				filepath.Join(units, retryUnit):  true,
				"etc/cri-logshim/config.yaml":    true,

				filepath.Join(filepath.Dir(binary), "kubectl-logshim"):          true,
				filepath.Join(filepath.Dir(binary), "kubectl_complete-logshim"): true,
			}
			for _, program := range []string{"cri-logshim", "kubectl-logshim"} {
				want[share+"/man/man1/"+program+".1"] = true
				want[share+"/bash-completion/completions/"+program] = true
				want[share+"/fish/vendor_completions.d/"+program+".fish"] = true
				want[share+"/zsh/site-functions/_"+program] = true
			}
			got := filesIn(t, dest)
			maps.DeleteFunc(got, func(name string, _ bool) bool {
				of, page, found := strings.Cut(strings.TrimPrefix(name, share+"/man/man1/"), "logshim-")
				return found && (of == "cri-" || of == "kubectl-") && strings.HasSuffix(page, ".1") && !strings.Contains(page, "/")
			})
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("installed (-want +got):\n%s", diff)
			}
			starts := values(readFile(t, filepath.Join(dest, units, service)), "ExecStart")
			if !cmp.Equal(starts, []string{prefix + "/bin/cri-logshim serve"}) {
				t.Errorf("the service starts %q", starts)
			}
			for _, unit := range []string{service, bypassUnit} {
				if text := readFile(t, filepath.Join(dest, units, unit)); !strings.Contains(text, " /"+way) && !strings.Contains(text, "=/"+way) {
					t.Errorf("%s does not run /%s:\n%s", unit, way, text)
				}
			}
			if output, err := exec.CommandContext(t.Context(), filepath.Join(dest, binary), "version").CombinedOutput(); err != nil {
				t.Errorf("the installed binary: %v\n%s", err, output)
			}

			own := filepath.Join(dest, "etc/cri-logshim/config.yaml")
			writeFile(t, own, "# mine\n", 0o600)
			runMake(t, "install", dest, prefix)
			if text := readFile(t, own); text != "# mine\n" {
				t.Errorf("the second installation wrote over the configuration:\n%s", text)
			}

			runMake(t, "uninstall", dest, prefix)
			if diff := cmp.Diff(map[string]bool{"etc/cri-logshim/config.yaml": true}, filesIn(t, dest)); diff != "" {
				t.Errorf("left behind (-want +got):\n%s", diff)
			}
			for _, folder := range []string{units, filepath.Dir(units), filepath.Dir(way), share + "/zsh", share + "/man/man1"} {
				if _, err := os.Stat(filepath.Join(dest, folder)); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("the folder /%s is left behind: %v", folder, err)
				}
			}

			others := filepath.Join(dest, units, "others.service")
			runMake(t, "install", dest, prefix)
			writeFile(t, others, "", 0o600)
			runMake(t, "uninstall", dest, prefix)
			if _, err := os.Stat(others); err != nil {
				t.Errorf("another's unit is gone: %v", err)
			}
		})
	}
}

func runMake(t *testing.T, target, dest, prefix string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "make", "-C", "..", target, "DESTDIR="+dest, "PREFIX="+prefix)
	// What another make around this test was told is not for this one.
	cmd.Env = append(os.Environ(), "MAKEFLAGS=", "MAKELEVEL=")
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make %s: %v\n%s", target, err, output)
	}
}

// filesIn returns the files below a directory.
func filesIn(t *testing.T, dir string) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			found[path] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
