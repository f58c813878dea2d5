package testbed

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// LogReader asks a kubelet for the logs of a static pod, as `kubectl logs` makes the API
// server do. It keeps its connections, as that does, and may be used by several goroutines
// at once.
type LogReader struct {
	client *http.Client
	url    string
}

// NewLogReader makes a reader of a static pod's log.
func (k *Kubelet) NewLogReader(p StaticPod) *LogReader {
	return &LogReader{
		client: &http.Client{Transport: &http.Transport{
			TLSClientConfig:     &tls.Config{InsecureSkipVerify: true}, // kubelet signs for itself
			MaxIdleConnsPerHost: 64,
		}},
		url: fmt.Sprintf("https://127.0.0.1:%d/containerLogs/%s/%s/%s", k.port, Namespace, p.FullName(), AppContainer),
	}
}

// Read asks for the log once, with options as tailLines=1. A refused answer is a
// *RefusedError.
func (r *LogReader) Read(ctx context.Context, options url.Values) (text string, err error) {
	body, err := r.Open(ctx, options)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, body.Close()) }()
	read, err := io.ReadAll(body)
	if err != nil {
		return "", fmt.Errorf("read a log through kubelet: %w", err)
	}
	return string(read), nil
}

// Open asks for the log as Read does, and leaves reading, and closing, to the caller: with
// follow=true it ends with the container, or with ctx.
func (r *LogReader) Open(ctx context.Context, options url.Values) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url+"?"+options.Encode(), nil)
	if err != nil {
		return nil, err
	}
	response, err := r.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask kubelet for a log: %w", err)
	}
	if response.StatusCode == http.StatusOK {
		return response.Body, nil
	}
	said, err := io.ReadAll(io.LimitReader(response.Body, 1<<10))
	return nil, errors.Join(&RefusedError{Status: response.StatusCode, Text: strings.TrimSpace(string(said))}, err, response.Body.Close())
}

// Close closes the connections that are not in use.
func (r *LogReader) Close() { r.client.CloseIdleConnections() }

// RefusedError is an answer of kubelet with another status than 200.
type RefusedError struct {
	Status int
	Text   string // what it said, or the beginning of it
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("kubelet answers with status %d: %s", e.Status, e.Text)
}
