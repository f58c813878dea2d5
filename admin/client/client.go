// Package client asks a daemon at its admin API. Its errors say what to do, and have the codes
// that programs exit with. It knows nothing of what is done with the answers.
package client

import (
	"bytes"
	"context"
	"crypto/tls"
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

	"github.com/cri-logshim/cri-logshim/admin/api"
	"github.com/cri-logshim/cri-logshim/exitcode"
)

const (
	// maxAnswer is how many bytes an answer of the daemon may have.
	maxAnswer = 64 << 20
	// tellTime is how long an answer may take that only tells, and workTime one for which something
	// has to be done: longer than a daemon that is well takes, which gives up itself before.
	tellTime, workTime = 20 * time.Second, time.Minute
)

// Client asks one daemon. Its methods may be called by several goroutines at once.
type Client struct {
	endpoint string // as people call it
	base     string
	http     *http.Client
}

// New returns the client of an endpoint: unix:// and the path of a socket, or http:// or https://
// and an address. It connects when it is asked.
func New(endpoint string) (*Client, error) {
	if endpoint == "" {
		return nil, errors.New("admin.listen is empty, so there is nobody to ask: set it in the configuration and reload cri-logshim")
	}
	transport := &http.Transport{IdleConnTimeout: time.Minute}
	if socket, is := strings.CutPrefix(endpoint, "unix://"); is && strings.HasPrefix(socket, "/") {
		dialer := &net.Dialer{}
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", socket)
		}
		return &Client{socket, "http://localhost", &http.Client{Transport: transport}}, nil
	}
	at, err := url.Parse(endpoint)
	if err != nil || at.Scheme != "http" && at.Scheme != "https" || at.Host == "" || at.RawQuery != "" || strings.Trim(at.Path, "/") != "" {
		return nil, exitcode.Usagef("%q is no endpoint: must be unix:///path/to/socket, http://host:port or https://host:port", endpoint)
	}
	return &Client{endpoint, at.Scheme + "://" + at.Host, &http.Client{Transport: transport}}, nil
}

// Node asks about the daemon and the node.
func (c *Client) Node(ctx context.Context) (node api.Node, err error) {
	err = c.call(ctx, tellTime, http.MethodGet, api.PathNode, nil, &node)
	return node, err
}

// Logs asks about all logs.
func (c *Client) Logs(ctx context.Context) (logs api.LogList, err error) {
	err = c.call(ctx, tellTime, http.MethodGet, api.PathLogs, nil, &logs)
	return logs, err
}

// Rotate has the log of a container rotated.
func (c *Client) Rotate(ctx context.Context, id string) (result api.RotateResult, err error) {
	err = c.call(ctx, workTime, http.MethodPost, api.PathRotate, api.RotateRequest{ID: id}, &result)
	return result, err
}

// Prune has files removed, or asks which would be.
func (c *Client) Prune(ctx context.Context, request api.PruneRequest) (result api.PruneResult, err error) {
	err = c.call(ctx, workTime, http.MethodPost, api.PathPrune, request, &result)
	return result, err
}

// call asks, and reads the answer, which has to be there in time.
func (c *Client) call(ctx context.Context, within time.Duration, method, path string, body, answer any) (err error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	var text bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&text).Encode(body); err != nil {
			return fmt.Errorf("write the question: %w", err)
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, &text)
	if err != nil {
		return fmt.Errorf("ask the daemon: %w", err)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := c.http.Do(request)
	if err != nil {
		return exitcode.With(exitcode.Unreachable, fmt.Errorf("cannot ask the daemon at %s: %w", c.endpoint, explained{whyUnreached(err), err}))
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	said := io.LimitReader(response.Body, maxAnswer)
	if response.StatusCode != http.StatusOK {
		return refusal(response, said)
	}
	if err := json.NewDecoder(said).Decode(answer); err != nil {
		return fmt.Errorf("read the answer of %s about %s: %w; if it is cut off, ask again, and if it is no JSON, that is not cri-logshim's admin.listen", c.endpoint, path, err)
	}
	return nil
}

// explained is an error in other words.
type explained struct {
	words string
	cause error
}

func (e explained) Error() string { return e.words }

// Unwrap returns what is explained.
func (e explained) Unwrap() error { return e.cause }

// whyUnreached says why nobody has answered, and what to do.
func whyUnreached(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "there is no such socket; is cri-logshim running? systemctl status cri-logshim tells"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nobody listens there; is cri-logshim running? systemctl status cri-logshim tells"
	case errors.Is(err, fs.ErrPermission):
		return "only root may; run it as root"
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time; the log of cri-logshim may tell what it waits for (journalctl -u cri-logshim)"
	}
	if distrust, is := errors.AsType[*tls.CertificateVerificationError](err); is {
		return fmt.Sprintf("its certificate is not trusted (%v); SSL_CERT_FILE can name a file with its authority's", distrust.Err)
	}
	if asked, is := errors.AsType[*url.Error](err); is { // which says once more who was asked
		err = asked.Err
	}
	return fmt.Sprintf("%v; is that cri-logshim's admin.listen?", err)
}

// refusal is the error of an answer that is no success.
func refusal(response *http.Response, said io.Reader) error {
	var problem api.Problem
	if err := json.NewDecoder(said).Decode(&problem); err != nil || problem.Title == "" {
		return fmt.Errorf("the daemon answers %s; is it older than this command?", response.Status)
	}
	err := fmt.Errorf("the daemon refuses: %s", problem.Title)
	if problem.Detail != "" {
		err = fmt.Errorf("the daemon refuses: %s: %s", problem.Title, problem.Detail)
	}
	if response.StatusCode == http.StatusNotFound {
		return exitcode.With(exitcode.NotFound, err)
	}
	return err
}
