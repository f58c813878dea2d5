package testbed

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"path"
	"path/filepath"
)

// Kubectl is the kubectl that speaks to this cluster, in the default namespace. It ends
// with ctx.
func (c *Cluster) Kubectl(ctx context.Context, args ...string) *exec.Cmd {
	// Its cache may be shared by many, and is warm from the second on.
	flags := []string{c.kubectl, "--kubeconfig=" + c.Kubeconfig, "--cache-dir=" + filepath.Join(c.dir, "kubectl-cache")}
	return c.command(ctx, append(flags, args...))
}

// Logshim is kubectl with a plugin, which sees the cluster as a file of Kubeconfig's kind says. It ends with
// ctx.
func (c *Cluster) Logshim(ctx context.Context, programs Programs, kubeconfig string, args ...string) *exec.Cmd {
	return c.command(ctx, append([]string{c.kubectl, "logshim"}, args...),
		"PATH="+filepath.Dir(programs.Plugin)+":/usr/bin:/bin", "KUBECONFIG="+kubeconfig)
}

// command runs in the cluster's network and ends with ctx.
func (c *Cluster) command(ctx context.Context, line []string, env ...string) *exec.Cmd {
	line = append(c.network.wrapper(), line...)
	cmd := exec.CommandContext(ctx, line[0], line[1:]...)
	cmd.Dir = c.dir
	cmd.Env = append([]string{"PATH=/usr/bin:/bin", "HOME=" + c.dir, "TERM=xterm"}, env...)
	cmd.WaitDelay = gentleTime
	return cmd
}

// Create makes a pod, which here has its name as it is. It does not wait for it.
func (c *Cluster) Create(ctx context.Context, pod StaticPod) error {
	manifest, err := pod.Manifest()
	if err == nil {
		_, err = c.ask(ctx, http.MethodPost, podPath(""), manifest, http.StatusCreated)
	}
	if err != nil {
		return fmt.Errorf("create pod %q: %w", pod.Name, err)
	}
	return nil
}

// Delete has a pod deleted with its own grace. It does not wait for its end.
func (c *Cluster) Delete(ctx context.Context, pod string) error {
	if _, err := c.ask(ctx, http.MethodDelete, podPath(pod), nil, http.StatusOK); err != nil {
		return fmt.Errorf("delete pod %q: %w", pod, err)
	}
	return nil
}

// PodStatus is what the API server knows of a pod, as far as the tests ask.
type PodStatus struct {
	Metadata struct{ UID string }
	Status   struct {
		Phase                 string
		ContainerStatuses     []ContainerStatus
		InitContainerStatuses []ContainerStatus
	}
}

// ContainerStatus is that of one container of a pod.
type ContainerStatus struct {
	Name         string
	ContainerID  string
	Ready        bool
	RestartCount int
	LastState    struct {
		Terminated *struct {
			ContainerID string
			ExitCode    int
		}
	}
	State struct {
		Running    *struct{ StartedAt string }
		Terminated *struct {
			ExitCode        int
			Reason, Message string
		}
	}
}

// ErrNotFound is that the API server does not have what it was asked for.
var ErrNotFound = errors.New("there is no such thing")

// Pod asks for a pod.
func (c *Cluster) Pod(ctx context.Context, pod string) (PodStatus, error) {
	var found PodStatus
	body, err := c.get(ctx, podPath(pod))
	if err != nil {
		return found, fmt.Errorf("ask for pod %q: %w", pod, err)
	}
	if err := json.Unmarshal(body, &found); err != nil {
		return found, fmt.Errorf("read pod %q: %w", pod, err)
	}
	return found, nil
}

// Event is what kubelet has told the API server of a pod or the node.
type Event struct {
	Type           string // Normal or Warning
	Reason         string
	Message        string
	InvolvedObject struct{ Kind, Name string }
}

// Events are all that the cluster remembers.
func (c *Cluster) Events(ctx context.Context) ([]Event, error) {
	body, err := c.get(ctx, "/api/v1/namespaces/"+Namespace+"/events")
	if err != nil {
		return nil, fmt.Errorf("ask for events: %w", err)
	}
	var list struct{ Items []Event }
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	return list.Items, nil
}

// podPath is that of a pod, or without a name that of all.
func podPath(pod string) string { return path.Join("/api/v1/namespaces", Namespace, "pods", pod) }

// Client is an HTTP client that may do everything, and the address of the API server. Its idle connections
// are to be closed.
func (c *Cluster) Client() (*http.Client, *url.URL) {
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}
	client := c.network.client(transport)
	client.Transport = allowed{transport}
	return client, &url.URL{Scheme: "https", Host: fmt.Sprintf("127.0.0.1:%d", c.port)}
}

// allowed shows the token with which everything is allowed.
type allowed struct{ *http.Transport }

func (a allowed) RoundTrip(request *http.Request) (*http.Response, error) {
	request = request.Clone(request.Context())
	request.Header.Set("Authorization", "Bearer "+clusterToken)
	return a.Transport.RoundTrip(request)
}

func (c *Cluster) get(ctx context.Context, where string) ([]byte, error) {
	return c.ask(ctx, http.MethodGet, where, nil, http.StatusOK)
}

// ask speaks to the API server. Another status than the wanted is an error, which is
// ErrNotFound if the status is 404.
func (c *Cluster) ask(ctx context.Context, method, where string, body []byte, want int) (answer []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, method, c.url(where), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+clusterToken)
	request.Header.Set("Content-Type", "application/json")
	client := c.network.client(&http.Transport{
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, // it signs for itself
		DisableKeepAlives: true,
	})
	response, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("%s %q of the API server: %w", method, where, err)
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	answer, err = io.ReadAll(response.Body)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s %q of the API server: %w", method, where, err)
	case response.StatusCode == http.StatusNotFound:
		return nil, fmt.Errorf("%s %q of the API server: %w", method, where, ErrNotFound)
	case response.StatusCode != want:
		return nil, fmt.Errorf("%s %q of the API server: status %d: %.500s", method, where, response.StatusCode, answer)
	}
	return answer, nil
}
