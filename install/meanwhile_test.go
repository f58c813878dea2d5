package install

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// While one plans, nobody else installs or uninstalls: the plan would not hold.
func TestPlansAlone(t *testing.T) {
	n, _ := newNode(t, "kubeadm.txtar")
	asked := 0
	n.asked = func() {
		asked++
		for what, run := range map[string]error{
			"installed":   n.installer(Options{LeaveKubelet: true, RuntimeEndpoint: n.at}).Install(t.Context()),
			"uninstalled": n.installer(Options{}).Uninstall(t.Context()),
		} {
			if run == nil || !strings.Contains(run.Error(), "does another one install or uninstall?") {
				t.Errorf("%s while another one plans: %v", what, run)
			}
		}
	}
	if err := n.installer(Options{}).Install(t.Context()); err != nil || asked == 0 {
		t.Errorf("%v, asked %d times", err, asked)
	}
}

// What others write after an installation was planned is not overwritten: it stops, and all but
// that is as before, whichever of the files it is and however many were replaced before.
func TestWrittenMeanwhile(t *testing.T) {
	for _, second := range []bool{false, true} {
		for _, file := range []string{"/var/lib/kubelet/config.yaml", "/var/lib/kubelet/instance-config.yaml", configPath} {
			name := file
			if second {
				name = "the second, " + file
			}
			t.Run(name, func(t *testing.T) {
				n, _ := newNode(t, "kubeadm.txtar")
				n.put(configPath, bareConfig, 0o640)
				if second {
					if err := n.installer(Options{LeaveKubelet: true}).Install(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				if _, err := os.Stat(filepath.Join(n.root, file)); err != nil {
					t.Fatal(err)
				}
				if file == configPath { // so that it has to be changed
					n.put(configPath, bareConfig+"runtimeEndpoint: unix:///run/elsewhere.sock\n", 0o640)
				}
				want := n.files()
				n.fault = func(_ int, what string) error {
					if what == "prepare "+file {
						text, err := os.ReadFile(filepath.Join(n.root, file))
						if err != nil {
							t.Fatal(err)
						}
						n.put(file, string(text)+"# theirs\n", 0o640)
						want[file] += "# theirs\n"
					}
					return nil
				}
				err := n.installer(Options{RestartKubelet: true}).Install(t.Context())
				if !errors.Is(err, errMeanwhile) || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), "as it was before") {
					t.Errorf("installed over what others have written, or no clear word: %v", err)
				}
				n.same("in the end", want)
			})
		}
	}
}
