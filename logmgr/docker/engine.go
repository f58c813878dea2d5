package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/cri-logshim/cri-logshim/logmgr"
)

const (
	// patience is how long the engine may take for one answer.
	patience = 2 * time.Second
	// maxAnswer is how many bytes an answer may have. A container with a thousand mounts
	// has some 300 KB.
	maxAnswer = 4 << 20
	// maxConnections is how many requests are under way at once; others wait, and their
	// patience runs meanwhile. The log manager asks for eight containers at once.
	maxConnections = 8
)

// hint is what to look at where something answers that may not be Docker.
const hint = "does docker.endpoint name its socket?"

// Engine asks a Docker Engine by its HTTP API. Its methods may be called at any time and
// from several goroutines.
type Engine struct {
	endpoint string
	client   *http.Client
}

// NewEngine returns an Engine that asks at a unix:// endpoint. Nothing is asked and no
// connection is made before the first call; they are kept for the next.
func NewEngine(endpoint string) *Engine {
	path := strings.TrimPrefix(endpoint, "unix://")
	return &Engine{endpoint: endpoint, client: &http.Client{
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "unix", path)
			},
			MaxConnsPerHost:     maxConnections,
			MaxIdleConnsPerHost: maxConnections, // or a crowd of requests would make one each
			IdleConnTimeout:     90 * time.Second,
			DisableCompression:  true,
		},
		// The engine redirects nobody; whoever does so is not the engine.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Close ends the connections that are kept.
func (e *Engine) Close() { e.client.CloseIdleConnections() }

// inspected is what matters of the answer to GET /containers/<id>/json
// (https://docs.docker.com/reference/api/engine, "Inspect a container").
type inspected struct {
	ID string `json:"Id"`
	// LogPath is the file of the driver json-file, since the container's first start; empty
	// with all others.
	LogPath    string
	HostConfig hostConfig
}

// inspect returns what the engine knows of a container, by its whole id. The error wraps
// logmgr.ErrNotFound where it knows none.
func (e *Engine) inspect(ctx context.Context, id string) (inspected, error) {
	var c inspected
	if err := e.get(ctx, "/containers/"+url.PathEscape(id)+"/json", &c); err != nil {
		return inspected{}, fmt.Errorf("ask Docker Engine at %s for container %q: %w", e.endpoint, id, err)
	}
	if c.ID != id { // the engine also takes names, and beginnings of ids
		return inspected{}, fmt.Errorf("ask Docker Engine at %s for container %q: the answer is about %.80q; %s", e.endpoint, id, c.ID, hint)
	}
	return c, nil
}

// dataRoot returns the engine's data directory, an absolute path.
func (e *Engine) dataRoot(ctx context.Context) (string, error) {
	var info struct{ DockerRootDir string }
	if err := e.get(ctx, "/info", &info); err != nil {
		return "", fmt.Errorf("ask Docker Engine at %s for its data directory: %w", e.endpoint, err)
	}
	if err := checkPath(info.DockerRootDir); err != nil {
		return "", fmt.Errorf("data directory of Docker Engine at %s: %w", e.endpoint, err)
	}
	return info.DockerRootDir, nil
}

// get decodes the answer to one request. Without a version in its path the engine answers
// in its newest; what is read here is in every one.
func (e *Engine) get(ctx context.Context, path string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost"+path, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := e.client.Do(req)
	if err != nil {
		return explained(err)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return explained(fmt.Errorf("read the answer: %w", err))
	}
	switch {
	case len(body) > maxAnswer:
		return fmt.Errorf("the answer is longer than %d bytes; %s", maxAnswer, hint)
	case resp.StatusCode != http.StatusOK:
		return refusal(resp.Status, resp.StatusCode, body)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("the answer is not Docker's: %w; %s", err, hint)
	}
	return nil
}

// refusal is the error of an answer that is not 200.
func refusal(status string, code int, body []byte) error {
	var said struct {
		Message string `json:"message"`
	}
	// Docker says in JSON what is wrong, and that it knows no page where it knows no path.
	foreign := json.Unmarshal(body, &said) != nil || said.Message == "" || strings.Contains(said.Message, "page not found")
	if said.Message == "" {
		said.Message = string(body)
	}
	// Any other 404 is of a server that does not know the path.
	if code == http.StatusNotFound && strings.HasPrefix(strings.ToLower(said.Message), "no such container") {
		return fmt.Errorf("%w: %.200q; %s", logmgr.ErrNotFound, said.Message, hint)
	}
	err := fmt.Errorf("it answers %q: %.200q", status, said.Message)
	if foreign {
		err = fmt.Errorf("%w; %s", err, hint)
	}
	return err
}

// explained says of a request that has failed what to look at, without the URL, in which
// the socket is not.
func explained(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("no answer within %s: %w; is dockerd well, and %s", patience, err, hint)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w; only root and the socket's group may connect", err)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%w; is dockerd running, and %s", err, hint)
	case errors.Is(err, context.Canceled):
		return err
	}
	return fmt.Errorf("%w; %s", err, hint) // whoever answers does not speak HTTP
}
