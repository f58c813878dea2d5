package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

const (
	// maxAnswer bounds one answer, which has pageSize objects at most.
	maxAnswer = 256 << 20
	pageSize  = "500"
)

// apiServer answers what the cluster knows. It is asked for a few fields of two kinds, which takes no
// generated client.
type apiServer struct {
	client  *http.Client
	address *url.URL
	timeout time.Duration
}

// answerError is that the API server said no.
type answerError struct {
	code    int
	message string
}

func (e *answerError) Error() string {
	text := fmt.Sprintf("the API server says: %s (%d)", e.message, e.code)
	if e.code == http.StatusUnauthorized {
		text += "; log in anew, or see which user the kubeconfig file names"
	}
	return text
}

// saysNo tells whether the API server has answered with a code.
func saysNo(err error, code int) bool {
	said, ok := errors.AsType[*answerError](err)
	return ok && said.code == code
}

// pod returns one pod; the code of the error is 404 if there is none.
func (a *apiServer) pod(ctx context.Context, namespace, name string) (pod, error) {
	var p pod
	err := a.get(ctx, &p, nil, "namespaces", namespace, "pods", name)
	return p, err
}

// pods returns the pods of a namespace, or of all if it is empty, and those of one node only if it is named.
func (a *apiServer) pods(ctx context.Context, namespace, node string) ([]pod, error) {
	path := []string{"pods"}
	if namespace != "" {
		path = []string{"namespaces", namespace, "pods"}
	}
	query := url.Values{}
	if node != "" {
		query.Set("fieldSelector", "spec.nodeName="+node)
	}
	return list[pod](ctx, a, query, path...)
}

// nodes returns the names of all nodes.
func (a *apiServer) nodes(ctx context.Context) ([]string, error) {
	type node struct{ Metadata struct{ Name string } }
	all, err := list[node](ctx, a, url.Values{}, "nodes")
	var names []string
	for _, n := range all {
		names = append(names, n.Metadata.Name)
	}
	return names, err
}

// list asks for all objects of a kind, page by page.
func list[T any](ctx context.Context, a *apiServer, query url.Values, path ...string) ([]T, error) {
	var all []T
	query.Set("limit", pageSize)
	for {
		var page struct {
			Metadata struct{ Continue string }
			Items    []T
		}
		if err := a.get(ctx, &page, query, path...); err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if page.Metadata.Continue == "" {
			return all, nil
		}
		query.Set("continue", page.Metadata.Continue)
	}
}

// get asks for what has a path below /api/v1.
func (a *apiServer) get(ctx context.Context, into any, query url.Values, path ...string) (err error) {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	address := a.address.JoinPath("api", "v1")
	for _, name := range path {
		if name == "" || name == "." || name == ".." {
			return fmt.Errorf("%q is no name of anything in a cluster", name)
		}
		address = address.JoinPath(url.PathEscape(name))
	}
	address.RawQuery = query.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return fmt.Errorf("ask the API server: %w", err)
	}
	request.Header.Set("Accept", "application/json")
	answer, err := a.client.Do(request)
	if err != nil {
		return fmt.Errorf("ask the API server: %w", err)
	}
	defer func() { err = errors.Join(err, answer.Body.Close()) }()
	body := io.LimitReader(answer.Body, maxAnswer)
	if answer.StatusCode != http.StatusOK {
		var status struct{ Message string }
		if json.NewDecoder(body).Decode(&status) != nil || status.Message == "" {
			status.Message = http.StatusText(answer.StatusCode)
		}
		return &answerError{answer.StatusCode, fmt.Sprintf("%.500s", status.Message)}
	}
	if err := json.NewDecoder(body).Decode(into); err != nil {
		return fmt.Errorf("read the answer of the API server: %w", err)
	}
	return nil
}
