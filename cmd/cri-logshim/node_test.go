package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// noticing is a systemctl that sends a signal to whoever runs it to enable something.
const noticing = `#!/bin/sh
case "$*" in
*enable*)
	[ -z "$SIGNAL" ] || kill -$SIGNAL $PPID
	exec $THEN
esac
`

// An installation that a signal ends takes back what it has done, as after any other failure.
// One whose signals are ignored, or of which nobody reads what it tells, is not ended.
func TestNodeInstallSignalled(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: gives files to it")
	}
	// What is ignored here would be ignored by every process that is started here.
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, syscall.SIGINT, syscall.SIGHUP)
	defer signal.Stop(caught)
	const kubelet = "[Service]\nExecStart=/usr/bin/kubelet --container-runtime-endpoint=unix:///run/containerd/containerd.sock\n"
	for name, test := range map[string]struct {
		signal, before string
		unread         bool
		ends           bool
	}{
		"SIGINT":     {signal: "INT", ends: true},
		"SIGTERM":    {signal: "TERM", ends: true},
		"SIGHUP":     {signal: "HUP", ends: true},
		"nohup":      {signal: "HUP", before: "trap '' HUP;"},
		"not a word": {unread: true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			root, bin := filepath.Join(dir, "root"), filepath.Join(dir, "bin")
			unit := filepath.Join(root, "etc/systemd/system/kubelet.service")
			err := errors.Join(
				os.MkdirAll(bin, 0o755), os.MkdirAll(filepath.Join(root, "usr/bin"), 0o755), os.WriteFile(filepath.Join(root, "usr/bin/cri-logshim"), nil, 0o755), os.WriteFile(filepath.Join(bin, "systemctl"), []byte(noticing), 0o755),
				os.MkdirAll(filepath.Dir(unit), 0o755), os.WriteFile(unit, []byte(kubelet), 0o644),
			)
			if err != nil {
				t.Fatal(err)
			}
			then := "true"
			if test.ends {
				then = "sleep 60"
			}
			cmd := exec.Command("sh", "-c", test.before+`exec "$@"`, "sh", ownBinary(t), "node", "install", "--root", root)
			cmd.Env = []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "SIGNAL=" + test.signal, "THEN=" + then}
			var said bytes.Buffer
			cmd.Stdout, cmd.Stderr = &said, &said
			if test.unread {
				reader, writer, err := os.Pipe()
				if err := errors.Join(err, reader.Close()); err != nil {
					t.Fatal(err)
				}
				defer writer.Close()
				cmd.Stdout = writer
			}
			err = cmd.Run()
			text, readErr := os.ReadFile(unit)
			if readErr != nil {
				t.Fatal(readErr)
			}
			_, configErr := os.Stat(filepath.Join(root, "etc/cri-logshim/config.yaml"))
			if !test.ends {
				if err != nil || string(text) == kubelet || configErr != nil {
					t.Errorf("not installed: %v, %v\n%s", err, configErr, said.String())
				}
				return
			}
			for _, words := range []string{"the node is as it was before", "signal received"} {
				if !strings.Contains(said.String(), words) {
					t.Errorf("it does not say %q:\n%s", words, said.String())
				}
			}
			if err == nil || string(text) != kubelet || !errors.Is(configErr, os.ErrNotExist) {
				t.Errorf("not taken back: %v, %v\n%s", err, configErr, text)
			}
		})
	}
}
