package testbed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
)

// newEngineClient is a client of the API at a socket.
func newEngineClient(socket string) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}
}

// Get asks the API for a path, as "/info". A status that tells of no success is an error.
func (d *Docker) Get(ctx context.Context, path string) ([]byte, error) {
	return d.ask(ctx, http.MethodGet, path, "", nil)
}

func (d *Docker) ask(ctx context.Context, method, path, kind string, content io.Reader) (answer []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://docker"+path, content)
	if err != nil {
		return nil, err
	}
	if kind != "" {
		request.Header.Set("Content-Type", kind)
	}
	response, err := d.engine.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask dockerd for %q: %w", path, err)
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	if answer, err = io.ReadAll(response.Body); err != nil {
		return nil, fmt.Errorf("read %q of dockerd: %w", path, err)
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		return nil, fmt.Errorf("ask dockerd for %q: status %d: %.500s", path, response.StatusCode, answer)
	}
	return answer, nil
}

// LogFileOf is the file in which Docker keeps a container's output; empty: the container's
// log driver has none.
func (d *Docker) LogFileOf(ctx context.Context, container string) (string, error) {
	answer, err := d.Get(ctx, "/containers/"+container+"/json")
	if err != nil {
		return "", err
	}
	var told struct{ LogPath string }
	if err := json.Unmarshal(answer, &told); err != nil {
		return "", fmt.Errorf("read what dockerd tells of container %q: %w", container, err)
	}
	return told.LogPath, nil
}

// Remove ends and removes a container with its log, as Docker's own tools do.
func (d *Docker) Remove(ctx context.Context, container string) error {
	_, err := d.ask(ctx, http.MethodDelete, "/containers/"+container+"?force=1", "", nil)
	return err
}

// loadImage gives dockerd the one image that it knows. Its own command ends when it is asked
// to: Docker asks a sandbox, too, and waits for ten seconds.
func (d *Docker) loadImage(ctx context.Context, programs Programs) error {
	file, err := os.CreateTemp(d.dir, "image-")
	if err != nil {
		return fmt.Errorf("make the image: %w", err)
	}
	err = writeImageWith(file, []string{"/bin/sh", "-c", "trap exit TERM; sleep 1000000000 & wait"}, d.tools.busybox, programs.SeqWriter)
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err == nil {
		_, err = d.ask(ctx, http.MethodPost, "/images/load?quiet=1", "application/x-tar", io.NopCloser(file))
	}
	if err == nil { // what went wrong with the archive is told as if nothing had
		_, err = d.Get(ctx, "/images/"+Image+"/json")
	}
	if err := errors.Join(err, file.Close(), os.Remove(file.Name())); err != nil {
		return fmt.Errorf("load the image into docker: %w", err)
	}
	return nil
}
