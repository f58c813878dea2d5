// Package systemd_test checks the files that are installed beside the binary.
package systemd_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/cri-logshim/cri-logshim/config"
)

const (
	service    = "cri-logshim.service"
	socket     = "cri-logshim.socket"
	bypassUnit = "cri-logshim-bypass.service"
	retryUnit  = "cri-logshim-retry.service"
	script     = "bypass.sh"
	binDir     = "/usr/local/bin"
	libDir     = "/usr/local/lib/cri-logshim"
)

// TestUnitsAreFaultless holds that systemd has nothing to say about the units.
// It is asked about the output, since unknown settings do not change the exit
// code.
func TestUnitsAreFaultless(t *testing.T) {
	if output := verify(t, "", ""); output != "" {
		t.Errorf("systemd-analyze verify:\n%s", output)
	}
}

// TestVerifyFindsFaults holds that the test above can fail.
func TestVerifyFindsFaults(t *testing.T) {
	for from, to := range map[string]string{
		"\nUMask=":             "\nUMaks=",
		"\nProtectSystem=":     "\nProtectSystem=perhaps ",
		binDir:                 "/nowhere",
		libDir:                 "/nowhere",
		"cri-logshim.socket\n": "cri-logshim-absent.socket\n",
	} {
		if verify(t, from, to) == "" {
			t.Errorf("nothing is said about %q instead of %q", to, from)
		}
	}
}

// verify returns what systemd says about all units, in a world where there
// is nothing else but the binary and the targets that every unit belongs to. One text in
// them is replaced by another, if it is not empty.
func verify(t *testing.T, from, to string) string {
	t.Helper()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "cri-logshim"), "#!/bin/sh\n", 0o700)
	writeFile(t, filepath.Join(dir, script), "#!/bin/sh\n", 0o700)
	args := []string{"verify"}
	for _, unit := range []string{service, socket, bypassUnit, retryUnit} {
		path, text := filepath.Join(dir, unit), readFile(t, unit)
		if from != "" {
			text = strings.ReplaceAll(text, from, to)
		}
		writeFile(t, path, strings.NewReplacer(binDir, dir, libDir, dir).Replace(text), 0o600)
		args = append(args, path)
	}
	for _, target := range []string{"basic", "multi-user", "shutdown", "sockets", "sysinit"} {
		writeFile(t, filepath.Join(dir, target+".target"), "[Unit]\nDescription="+target+"\n", 0o600)
	}
	cmd := exec.CommandContext(t.Context(), "systemd-analyze", args...)
	cmd.Env = append(os.Environ(), "SYSTEMD_UNIT_PATH="+dir)
	output, err := cmd.CombinedOutput()
	if err != nil && len(output) == 0 {
		t.Fatalf("systemd-analyze verify: %v", err)
	}
	return string(output)
}

// TestExposure holds what systemd thinks of the sandbox, on its scale from 0 to 100: the
// most that it is to be. What the work needs costs 26.
func TestExposure(t *testing.T) {
	const most = "28"
	args := []string{"security", "--offline=yes", "--no-pager", "--threshold=" + most}
	if output, err := exec.CommandContext(t.Context(), "systemd-analyze", append(args, service)...).CombinedOutput(); err != nil {
		t.Errorf("systemd-analyze security: %v\n%s", err, output)
	}
	open := filepath.Join(t.TempDir(), service)
	writeFile(t, open, strings.ReplaceAll(readFile(t, service), "CapabilityBoundingSet=", "#"), 0o600)
	if output, err := exec.CommandContext(t.Context(), "systemd-analyze", append(args, open)...).CombinedOutput(); err == nil {
		t.Errorf("a service with all capabilities passes:\n%s", output)
	}
}

// TestUnitsAgreeWithTheDefaults holds that what the units say about paths is
// what the configuration says.
func TestUnitsAgreeWithTheDefaults(t *testing.T) {
	c := config.Default()
	path := strings.TrimPrefix(c.Listen, "unix://")
	if got := values(readFile(t, socket), "ListenStream"); !cmp.Equal(got, []string{path}) {
		t.Errorf("the socket unit listens on %q, the configuration on %q", got, path)
	}
	if got := values(readFile(t, service), "RuntimeDirectory"); !cmp.Equal(got, []string{filepath.Base(filepath.Dir(path))}) {
		t.Errorf("the runtime directory is %q, the socket %q", got, path)
	}
	// More than one path would be more than one mount, and rename fails from
	// one to another.
	writable := values(readFile(t, service), "ReadWritePaths")
	if len(writable) != 1 || strings.Contains(writable[0], " ") {
		t.Fatalf("writable paths %q, want one", writable)
	}
	for _, dir := range []string{c.PodLogsDir, c.Links.LegacyDir} {
		if !strings.HasPrefix(dir, writable[0]+"/") {
			t.Errorf("%s is not below the writable path %s", dir, writable[0])
		}
	}
}

// TestDefaultConfigurationFile holds that the file that is installed says all
// defaults, and only them.
func TestDefaultConfigurationFile(t *testing.T) {
	got, _, err := config.Parse("config.yaml", []byte(readFile(t, "config.yaml")))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(config.Default(), got); diff != "" {
		t.Errorf("not the defaults (-default +file):\n%s", diff)
	}
	effective, err := config.Default().YAML()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(keys(t, effective), keys(t, []byte(readFile(t, "config.yaml")))); diff != "" {
		t.Errorf("not every setting (-settings +file):\n%s", diff)
	}
}

// keys returns the paths of all settings in a file, in its order.
func keys(t *testing.T, text []byte) []string {
	t.Helper()
	var document yaml.Node
	if err := yaml.NewDecoder(bytes.NewReader(text)).Decode(&document); err != nil {
		t.Fatal(err)
	}
	return keysOf("", document.Content[0])
}

func keysOf(path string, mapping *yaml.Node) []string {
	if mapping.Kind != yaml.MappingNode {
		return []string{path}
	}
	var paths []string
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		paths = append(paths, keysOf(path+"."+mapping.Content[i].Value, mapping.Content[i+1])...)
	}
	return paths
}

// values returns what a unit sets a key to, one for each line.
func values(unit, key string) []string {
	var found []string
	for line := range strings.Lines(unit) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), key+"="); ok {
			found = append(found, value)
		}
	}
	return found
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func writeFile(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}
