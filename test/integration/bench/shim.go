package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// shimModule is the module whose binary is measured.
const shimModule = "github.com/cri-logshim/cri-logshim"

// buildShim builds the shim's binary from the module that this one is nested
// in. It has to be called with the nested module as the working directory.
func buildShim(ctx context.Context, target string) error {
	root, err := output(ctx, "", "go", "list", "-m", "-f", "{{.Dir}}", shimModule)
	if err != nil {
		return err
	}
	_, err = output(ctx, root, "go", "build", "-o", target, "./cmd/cri-logshim")
	return err
}

// output runs a program in a directory and returns what it says on stdout,
// without white space around it. An error holds what it says on stderr.
func output(ctx context.Context, dir, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("run %s %q: %w: %s", program, args, err, bytes.TrimSpace(stderr.Bytes()))
	}
	return string(bytes.TrimSpace(out)), nil
}

// shimConfig is the shim's default configuration but for its places: nothing
// that belongs to the machine is touched. The network's metrics endpoint is off, the admin socket is on.
func shimConfig(dir, upstreamSocket, podLogs, extra string) string {
	return fmt.Sprintf(`apiVersion: cri-logshim.io/v1alpha1
kind: Configuration
listen: unix://%[1]s/shim/shim.sock
runtimeEndpoint: unix://%[2]s
podLogsDir: %[3]s
links: {legacyDir: %[1]s/links}
admin: {listen: "unix://%[1]s/shim/admin.sock", metrics: ""}
%[4]s
`, dir, upstreamSocket, podLogs, extra)
}

// startShim writes the shim's configuration below dir and starts it there. Its socket is shimSocket(dir).
func startShim(dir, binary, upstreamSocket, podLogs, extra string) (*process, error) {
	for _, sub := range []string{"shim", "links"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return nil, err
		}
	}
	config := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(config, []byte(shimConfig(dir, upstreamSocket, podLogs, extra)), 0o600); err != nil {
		return nil, err
	}
	return startProcess("cri-logshim", binary, "serve", "--config", config)
}

func shimSocket(dir string) string  { return filepath.Join(dir, "shim", "shim.sock") }
func adminSocket(dir string) string { return filepath.Join(dir, "shim", "admin.sock") }
