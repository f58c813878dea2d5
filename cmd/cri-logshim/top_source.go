package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/cri-logshim/cri-logshim/admin/api"
	"github.com/cri-logshim/cri-logshim/top"
)

// topSource is what top asks.
func (o *options) topSource() (top.Source, error) {
	c, err := o.load()
	if err != nil {
		return nil, err
	}
	if c.Admin.Listen == "" {
		return nil, errors.New("admin.listen: is empty, so nobody can be asked; set it and reload cri-logshim")
	}
	path := strings.TrimPrefix(c.Admin.Listen, "unix://")
	dialer := net.Dialer{}
	return adminSource{&http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return dialer.DialContext(ctx, "unix", path)
	}}}}, nil
}

type adminSource struct{ http *http.Client }

func (s adminSource) Node(ctx context.Context) (node api.Node, err error) {
	return node, s.call(ctx, http.MethodGet, api.PathNode, nil, &node)
}

func (s adminSource) Logs(ctx context.Context) (logs api.LogList, err error) {
	return logs, s.call(ctx, http.MethodGet, api.PathLogs, nil, &logs)
}

func (s adminSource) Rotate(ctx context.Context, id string) (result api.RotateResult, err error) {
	return result, s.call(ctx, http.MethodPost, api.PathRotate, api.RotateRequest{ID: id}, &result)
}

func (s adminSource) call(ctx context.Context, method, path string, body, into any) (err error) {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://localhost"+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := s.http.Do(request)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	if response.StatusCode != http.StatusOK {
		said, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10))
		return fmt.Errorf("%s: %s: %s", path, response.Status, said)
	}
	return json.NewDecoder(response.Body).Decode(into)
}
