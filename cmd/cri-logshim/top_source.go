package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"strings"
	"syscall"

	"github.com/cri-logshim/cri-logshim/admin/api"
	"github.com/cri-logshim/cri-logshim/exitcode"
)

// maxAnswer is how long an answer of the daemon may be.
const maxAnswer = 64 << 20

// adminSource asks the daemon at its admin socket.
type adminSource struct {
	socket string
	http   *http.Client
}

// newAdminSource returns the source at an endpoint. It connects when it is asked.
func newAdminSource(endpoint string) (*adminSource, error) {
	if endpoint == "" {
		return nil, errors.New("admin.listen is empty, so there is nobody to ask: set it in the configuration and reload cri-logshim")
	}
	socket, dialer := strings.TrimPrefix(endpoint, "unix://"), &net.Dialer{}
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return dialer.DialContext(ctx, "unix", socket)
	}}
	return &adminSource{socket, &http.Client{Transport: transport}}, nil
}

// Node implements top.Source.
func (s *adminSource) Node(ctx context.Context) (node api.Node, err error) {
	return node, s.call(ctx, http.MethodGet, api.PathNode, nil, &node)
}

// Logs implements top.Source.
func (s *adminSource) Logs(ctx context.Context) (logs api.LogList, err error) {
	return logs, s.call(ctx, http.MethodGet, api.PathLogs, nil, &logs)
}

// Rotate implements top.Source.
func (s *adminSource) Rotate(ctx context.Context, id string) (result api.RotateResult, err error) {
	return result, s.call(ctx, http.MethodPost, api.PathRotate, api.RotateRequest{ID: id}, &result)
}

// call asks, and reads the answer.
func (s *adminSource) call(ctx context.Context, method, path string, body, answer any) (err error) {
	var text bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&text).Encode(body); err != nil {
			return fmt.Errorf("write the question: %w", err)
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://localhost"+path, &text)
	if err != nil {
		return fmt.Errorf("ask the daemon: %w", err)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := s.http.Do(request)
	if err != nil {
		return exitcode.With(exitcode.Unreachable, fmt.Errorf("cannot ask the daemon at %s: %s", s.socket, whyUnreached(err)))
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	said := io.LimitReader(response.Body, maxAnswer)
	if response.StatusCode != http.StatusOK {
		return refusal(response.Status, said)
	}
	if err := json.NewDecoder(said).Decode(answer); err != nil {
		return fmt.Errorf("read the daemon's answer about %s: %w", path, err)
	}
	return nil
}

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
		return "no answer in time"
	}
	return err.Error()
}

// refusal is the error of an answer that is no success.
func refusal(status string, said io.Reader) error {
	var problem api.Problem
	if err := json.NewDecoder(said).Decode(&problem); err != nil || problem.Title == "" {
		return fmt.Errorf("the daemon answers %s; is it older than this command?", status)
	}
	if problem.Detail == "" {
		return fmt.Errorf("the daemon refuses: %s", problem.Title)
	}
	return fmt.Errorf("the daemon refuses: %s: %s", problem.Title, problem.Detail)
}
