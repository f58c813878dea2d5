package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// shimConfig is the shim's default configuration but for its places: nothing
// that belongs to the machine is touched. The network's metrics endpoint is off, the admin socket is on.
func shimConfig(dir, upstreamSocket, podLogs, extra string) string {
	return fmt.Sprintf(`apiVersion: cri-logshim.io/v1alpha1
kind: Configuration
listen: unix://%[1]s/shim/shim.sock
kubeletEndpoint: ""
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

func shimSocket(dir string) string { return filepath.Join(dir, "shim", "shim.sock") }
