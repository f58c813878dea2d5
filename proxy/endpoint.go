package proxy

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// maxSocketPath is what fits into the address of a unix socket, in bytes: its
// sun_path less the NUL that ends it.
const maxSocketPath = len(unix.RawSockaddrUnix{}.Path) - 1

// socketPath returns the path in an endpoint such as
// unix:///run/containerd/containerd.sock. That form is what kubelet takes; a
// bare path, which kubelet takes with a warning, is an error here.
func socketPath(endpoint string) (string, error) {
	path, err := parseEndpoint(endpoint)
	if err != nil {
		return "", fmt.Errorf("endpoint %q: %w", endpoint, err)
	}
	return path, nil
}

func parseEndpoint(endpoint string) (string, error) {
	if endpoint == "" {
		return "", errors.New("must not be empty")
	}
	u, err := url.Parse(endpoint)
	if err != nil {
		return "", fmt.Errorf("must be unix:///path: %w", errors.Unwrap(err))
	}
	switch {
	case u.Scheme != "unix":
		return "", errors.New("must begin with unix://")
	case u.Host != "" || u.Opaque != "" || !filepath.IsAbs(u.Path):
		return "", errors.New("must hold an absolute path: unix:///path")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "", errors.New("must hold a path and nothing else; write ? as %3F and # as %23")
	case len(u.Path) > maxSocketPath:
		return "", fmt.Errorf("path has %d bytes, a unix socket takes at most %d", len(u.Path), maxSocketPath)
	}
	return u.Path, nil
}

// target is the name that grpc-go dials the socket at path by.
func target(path string) string {
	return (&url.URL{Scheme: "unix", Path: path}).String()
}
