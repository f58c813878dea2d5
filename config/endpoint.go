package config

import (
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
)

// maxSocketPath is what a unix socket's address holds: 108 bytes with the
// closing zero.
const maxSocketPath = 107

const unixScheme = "unix://"

// dockerAPI is where Docker Engine serves its own API unless it is told otherwise.
const dockerAPI = unixScheme + "/run/docker.sock"

// SameEndpoint says whether two endpoints are one place by their names alone: /var/run is /run
// (Filesystem Hierarchy Standard 3.0, 5.13).
func SameEndpoint(a, b string) bool { return inRun(a) == inRun(b) }

func inRun(endpoint string) string {
	if rest, found := strings.CutPrefix(endpoint, unixScheme+"/var/run/"); found {
		return unixScheme + "/run/" + rest
	}
	return endpoint
}

func checkEndpoints(c Configuration, fault faultFunc) {
	checkUnix(fault, "listen", c.Listen)
	checkUnix(fault, "runtimeEndpoint", c.RuntimeEndpoint)
	checkServesCRI(fault, "runtimeEndpoint", c.RuntimeEndpoint)
	if c.ImageEndpoint != "" {
		checkUnix(fault, "imageEndpoint", c.ImageEndpoint)
		checkServesCRI(fault, "imageEndpoint", c.ImageEndpoint)
	}
	if c.KubeletEndpoint != "" {
		checkUnix(fault, "kubeletEndpoint", c.KubeletEndpoint)
		checkNotCRI(c, fault, "kubeletEndpoint", c.KubeletEndpoint)
	}
	if c.Docker.Endpoint != "" {
		checkUnix(fault, "docker.endpoint", c.Docker.Endpoint)
		checkDiffers(fault, "docker.endpoint", c.Docker.Endpoint, "listen", c.Listen)
		if !SameEndpoint(c.Docker.Endpoint, dockerAPI) { // else it is the other one that is wrong, as is said above
			checkDiffers(fault, "docker.endpoint", c.Docker.Endpoint, "runtimeEndpoint", c.RuntimeEndpoint)
			checkDiffers(fault, "docker.endpoint", c.Docker.Endpoint, "imageEndpoint", c.ImageEndpoint)
		}
		checkDiffers(fault, "docker.endpoint", c.Docker.Endpoint, "kubeletEndpoint", c.KubeletEndpoint)
	}
	// A shim whose upstream is itself would answer no call and eat a core.
	checkDiffers(fault, "runtimeEndpoint", c.RuntimeEndpoint, "listen", c.Listen)
	checkDiffers(fault, "imageEndpoint", c.ImageEndpoint, "listen", c.Listen)
}

func checkAdmin(c Configuration, fault faultFunc) {
	if c.Admin.Listen != "" {
		checkUnix(fault, "admin.listen", c.Admin.Listen)
	}
	switch {
	case c.Admin.Metrics == "":
	case strings.HasPrefix(c.Admin.Metrics, unixScheme):
		checkUnix(fault, "admin.metrics", c.Admin.Metrics)
	default:
		checkHostPort(fault, "admin.metrics", c.Admin.Metrics)
	}
	checkDiffers(fault, "admin.metrics", c.Admin.Metrics, "admin.listen", c.Admin.Listen)
	checkNotCRI(c, fault, "admin.listen", c.Admin.Listen)
	checkNotCRI(c, fault, "admin.metrics", c.Admin.Metrics)
	checkDiffers(fault, "admin.listen", c.Admin.Listen, "kubeletEndpoint", c.KubeletEndpoint)
	checkDiffers(fault, "admin.listen", c.Admin.Listen, "docker.endpoint", c.Docker.Endpoint)
	checkDiffers(fault, "admin.metrics", c.Admin.Metrics, "docker.endpoint", c.Docker.Endpoint)
	checkDiffers(fault, "admin.metrics", c.Admin.Metrics, "kubeletEndpoint", c.KubeletEndpoint)
	checkTLS(c, fault)
}

// checkTLS checks what is written of files; whether they can be used is seen when they are read.
func checkTLS(c Configuration, fault faultFunc) {
	t := c.Admin.TLS
	if t == (TLS{}) {
		return
	}
	if c.Admin.Metrics == "" || strings.HasPrefix(c.Admin.Metrics, unixScheme) {
		fault("admin.tls", "is for admin.metrics as host:port only, which is %q", c.Admin.Metrics)
	}
	for _, f := range []struct {
		name, path string
		needed     bool
	}{
		{"admin.tls.certFile", t.CertFile, true}, {"admin.tls.keyFile", t.KeyFile, true}, {"admin.tls.clientCAFile", t.ClientCAFile, false},
	} {
		switch {
		case f.path == "" && f.needed:
			fault(f.name, "must name a file, since another setting of admin.tls does")
		case f.path != "" && (!filepath.IsAbs(f.path) || strings.ContainsRune(f.path, 0)):
			fault(f.name, "must be an absolute path, is %q", f.path)
		}
	}
}

// checkNotCRI refuses an endpoint that CRI calls go to.
func checkNotCRI(c Configuration, fault faultFunc, at, endpoint string) {
	checkDiffers(fault, at, endpoint, "listen", c.Listen)
	checkDiffers(fault, at, endpoint, "runtimeEndpoint", c.RuntimeEndpoint)
	checkDiffers(fault, at, endpoint, "imageEndpoint", c.ImageEndpoint)
}

// checkServesCRI refuses the socket of Docker's own API for calls of CRI.
func checkServesCRI(fault faultFunc, at, endpoint string) {
	if SameEndpoint(endpoint, dockerAPI) {
		fault(at, "must be an endpoint of CRI, and %q is Docker's own API; CRI is served for Docker by cri-dockerd (unix:///run/cri-dockerd.sock) or dockershim (unix:///var/run/dockershim.sock)", endpoint)
	}
}

func checkUnix(fault faultFunc, at, endpoint string) {
	if err := unixEndpoint(endpoint); err != nil {
		fault(at, "%v", err)
	}
}

func unixEndpoint(endpoint string) error {
	path, isUnix := strings.CutPrefix(endpoint, unixScheme)
	switch {
	case !isUnix || !filepath.IsAbs(path):
		return fmt.Errorf("must be unix:// and an absolute path, such as unix:///run/x.sock, is %q", endpoint)
	case filepath.Clean(path) != path || path == "/":
		return fmt.Errorf("must name a socket by a path without trailing slash, // or .., is %q", endpoint)
	case len(path) > maxSocketPath:
		return fmt.Errorf("path must not be longer than %d bytes, is %d", maxSocketPath, len(path))
	case strings.ContainsFunc(path, notInSocketPath):
		return fmt.Errorf("path must not hold %%, ?, # or control characters, is %q", endpoint)
	}
	return nil
}

// notInSocketPath tells the characters that mean something else in a URL,
// which is what gRPC takes an endpoint for.
func notInSocketPath(r rune) bool {
	return r < ' ' || r == 0x7f || strings.ContainsRune("%?#", r)
}

func checkHostPort(fault faultFunc, at, address string) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		fault(at, "must be host:port, unix:// and a path, or empty, is %q", address)
		return
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		fault(at, "port must be a number from 0 to 65535, is %q", port)
	}
	if strings.ContainsFunc(host, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '/' }) {
		fault(at, "must be host:port, unix:// and a path, or empty, is %q", address)
	}
}

func checkDiffers(fault faultFunc, at, endpoint, otherAt, other string) {
	if endpoint != "" && SameEndpoint(endpoint, other) {
		fault(at, "must not be the same as %s (%q)", otherAt, other)
	}
}
