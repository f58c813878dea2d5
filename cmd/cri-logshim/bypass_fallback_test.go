package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// However broken a configuration is, the command leads kubelet where the script does, which is
// where the lines say that can be read.
func TestBypassByLines(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ config, link, runtime string }{
		"another fault":         {"apiVersion: cri-logshim.io/v1alpha1\nkind: Configuration\nruntimeEndpoint: unix:///run/crio/crio.sock\nrotation: {maxSize: 50m}\n", "kubelet.sock", "/run/crio/crio.sock"},
		"no YAML":               {"kubeletEndpoint: unix://RUN/a/b.sock\nruntimeEndpoint: \"unix:///run/x y.sock\" # ours\n\t{", "a/b.sock", "/run/x y.sock"},
		"twice, with a comment": {"runtimeEndpoint:   'unix:///run/x.sock'   # ours\nruntimeEndpoint: unix:///run/y.sock\n", "kubelet.sock", "/run/x.sock"},
		"in a section":          {"sub:\n  kubeletEndpoint: unix://RUN/no.sock\n  runtimeEndpoint: unix:///run/no.sock\n", "kubelet.sock", ""},
		"nothing":               {"{", "kubelet.sock", ""},
		"a link is not wanted":  {"kubeletEndpoint: ''\n\t{", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			command := []string{ownBinary(t), "bypass", "on", "--config", "RUN/config.yaml", "--listen", "unix://RUN/cri-logshim.sock"}
			if !strings.HasPrefix(test.config, "kubeletEndpoint: ") {
				command = append(command, "--kubelet-endpoint", "unix://RUN/kubelet.sock") // else the machine's own
			}
			script := ledBy(t, test.config, test.link, "../../systemd/bypass.sh", "does not come up")
			program := ledBy(t, test.config, test.link, command...)
			if script != program || test.runtime != "" && program != test.runtime || test.link != "" && program == "" {
				t.Errorf("the script leads kubelet to %q, the command to %q, want %q", script, program, test.runtime)
			}
		})
	}
}

// ledBy runs a command on a node of its own and returns where a link leads then; empty: there
// is none.
func ledBy(t *testing.T, text, link string, command ...string) string {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(text, "RUN", dir)), 0o600); err != nil {
		t.Fatal(err)
	}
	for i, word := range command {
		command[i] = strings.ReplaceAll(word, "RUN", dir)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = append(os.Environ(), "CRI_LOGSHIM_RUN="+dir, "CRI_LOGSHIM_CONFIG="+file)
	said, err := cmd.CombinedOutput()
	t.Logf("%q, %v:\n%s", command, err, said)
	target, err := os.Readlink(filepath.Join(dir, link))
	if err != nil && !errors.Is(err, os.ErrNotExist) && link != "" {
		t.Fatal(err)
	}
	return target
}

// A mode that is named beside a fault counts, or "off" would lead kubelet to where nobody
// waits for it.
func TestBypassOffByLines(t *testing.T) {
	t.Parallel()
	p, e := newLinkedPlace(t)
	text := "mode: manage\nlisten: " + p.config.Listen + "\nkubeletEndpoint: " + p.config.KubeletEndpoint + "\nruntimeEndpoint: " + p.config.RuntimeEndpoint + "\nrotation: {maxSize: 50m}\n"
	p.writeText(t, text)
	if said, err := p.command(t, "bypass", "off", "--force"); err != nil || !strings.Contains(said, "as ever in mode manage") {
		t.Errorf("bypass off: %v\n%s", err, said)
	}
	leadsTo(t, e, "runtime")
}
