package testbed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
)

// Metric is the sum of all of the shim's series of a name that bear all of the labels,
// each written as `name="value"`; 0 if there is none.
func (s *Shim) Metric(ctx context.Context, name string, labels ...string) (float64, error) {
	text, err := s.Get(ctx, "/metrics")
	if err != nil {
		return 0, err
	}
	return metricIn(text, name, labels)
}

// Metric is the sum of all of kubelet's series of a name, as of a shim's.
func (k *Kubelet) Metric(ctx context.Context, name string, labels ...string) (float64, error) {
	text, err := k.Get(ctx, "/metrics")
	if err != nil {
		return 0, err
	}
	return metricIn(text, name, labels)
}

// metricIn sums up the series of a name in a page of metrics.
func metricIn(text, name string, labels []string) (float64, error) {
	var sum float64
	for line := range strings.Lines(text) {
		series, value, ok := strings.Cut(line, " ")
		if end := strings.LastIndexByte(line, '}'); end >= 0 {
			series, value, ok = line[:end], line[end+1:], true
		}
		found, rest, _ := strings.Cut(series, "{")
		if !ok || found != name || !containsAll(rest, labels) {
			continue
		}
		number, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err != nil {
			return 0, fmt.Errorf("read metric %q: %w", name, err)
		}
		sum += number
	}
	return sum, nil
}

func containsAll(text string, parts []string) bool {
	for _, part := range parts {
		if !strings.Contains(text, part) {
			return false
		}
	}
	return true
}

// Get asks the shim's metrics listener for a path, as "/readyz". Another status than 200
// is an error.
func (s *Shim) Get(ctx context.Context, path string) (body string, err error) {
	return getFrom(ctx, s.metricsSocket(), path)
}

// Status is what the shim tells of itself and of its logs at its admin socket, in JSON.
func (s *Shim) Status(ctx context.Context) (string, error) { return s.Admin(ctx, "/status") }

// Admin asks the shim's admin socket for a path, as Get does the metrics listener.
func (s *Shim) Admin(ctx context.Context, path string) (string, error) {
	return getFrom(ctx, socketOf(s.Config.Admin.Listen), path)
}

// getFrom asks whoever answers HTTP on a unix socket.
func getFrom(ctx context.Context, socket, path string) (body string, err error) {
	var transport http.Transport
	transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost"+path, nil)
	if err != nil {
		return "", err
	}
	answer, err := transport.RoundTrip(request)
	if err != nil {
		return "", fmt.Errorf("ask cri-logshim for %q: %w", path, err)
	}
	content, err := io.ReadAll(answer.Body)
	if err := errors.Join(err, answer.Body.Close()); err != nil {
		return "", fmt.Errorf("ask cri-logshim for %q: %w", path, err)
	}
	if answer.StatusCode != http.StatusOK {
		return "", fmt.Errorf("ask cri-logshim for %q: %s: %s", path, answer.Status, content)
	}
	return string(content), nil
}

func (s *Shim) metricsSocket() string { return filepath.Join(s.dir, "metrics.sock") }

// socketOf is the path of a unix:// endpoint.
func socketOf(endpoint string) string { return strings.TrimPrefix(endpoint, "unix://") }
