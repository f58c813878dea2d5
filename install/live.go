package install

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/cri-logshim/cri-logshim/config"
)

const (
	// askTime is how long whoever is asked may take to answer.
	askTime = 3 * time.Second
	// systemctlTime is how long systemctl may take: more than a unit's stop and start together,
	// of which each has 90 s by systemd's default.
	systemctlTime = 5 * time.Minute
	// pipeTime is how long whoever has outlived systemctl may hold what it writes to.
	pipeTime = time.Second
)

// errDockerAPI says that what is at an endpoint is no runtime, but Docker itself.
var errDockerAPI = errors.New("is Docker's own API, which is not CRI")

// Live is the machine on which this runs.
type Live struct{}

// Systemctl implements Machine.
func (Live) Systemctl(ctx context.Context, args ...string) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, systemctlTime, fmt.Errorf("it takes longer than %v", systemctlTime))
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "systemctl", args...) //nolint:gosec // The arguments are ours and names of units.
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	// A terminal sends its signals to a whole group of processes. What is on its way when one
	// comes is ended by ctx, with its children, and what takes it back goes on.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = pipeTime
	if err := cmd.Run(); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause // and not that it was killed therefore
		}
		return "", fmt.Errorf("systemctl %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}

// RuntimeName implements Machine, for CRI v1 and v1alpha2.
func (Live) RuntimeName(ctx context.Context, endpoint string) (name string, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	conn, err := grpc.NewClient(endpoint, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithAuthority("localhost"), grpc.WithNoProxy())
	if err != nil {
		return "", fmt.Errorf("connect to %s: %w", endpoint, err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	answer := &runtimeapi.VersionResponse{}
	for _, version := range []string{"v1", "v1alpha2"} {
		// Both have the same messages.
		err = conn.Invoke(ctx, "/runtime."+version+".RuntimeService/Version", &runtimeapi.VersionRequest{}, answer)
		if status.Code(err) != codes.Unimplemented {
			break
		}
	}
	if path, isUnix := strings.CutPrefix(endpoint, unixScheme); err != nil && isUnix && isDockerAPI(ctx, path) {
		return "", fmt.Errorf("%s %w", endpoint, errDockerAPI)
	}
	if err != nil {
		return "", fmt.Errorf("ask %s for its version: %s", endpoint, status.Convert(err).Message())
	}
	return answer.RuntimeName, nil
}

// isDockerAPI tells whether Docker Engine serves its API at a socket: it tells its version with each
// answer (Docker Engine API, GET /_ping).
func isDockerAPI(ctx context.Context, socket string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost/_ping", nil)
	if err != nil {
		return false
	}
	response, err := unixClient(socket).Do(request)
	if err != nil {
		return false
	}
	return response.Body.Close() == nil && response.Header.Get("Api-Version") != ""
}

// KubeletVersion implements Machine.
func (Live) KubeletVersion(ctx context.Context, program string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*askTime)
	defer cancel()
	output, err := exec.CommandContext(ctx, program, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("run %s --version: %w", program, err)
	}
	return strings.TrimPrefix(strings.TrimSpace(string(output)), "Kubernetes "), nil
}

// Arguments implements Machine.
func (Live) Arguments(pid int) ([]string, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	if err != nil {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(string(text), "\x00"), "\x00"), nil
}

// Healthy implements Machine.
func (Live) Healthy(ctx context.Context, address string) error {
	_, err := get(ctx, &http.Client{Timeout: askTime}, address)
	return err
}

// Calls implements Machine. It counts all calls but Version, with which the installer itself
// asks.
func (Live) Calls(ctx context.Context, c config.Configuration) (float64, error) {
	text, err := metrics(ctx, c.Admin)
	if err != nil {
		return 0, err
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		return 0, fmt.Errorf("read the metrics of cri-logshim: %w", err)
	}
	sum := 0.0
	for _, metric := range families["grpc_server_handled_total"].GetMetric() {
		label := labels(metric)
		if label["grpc_code"] == "OK" && label["grpc_method"] != "Version" && strings.HasPrefix(label["grpc_service"], "runtime.") {
			sum += metric.GetCounter().GetValue()
		}
	}
	return sum, nil
}

func labels(metric *dto.Metric) map[string]string {
	found := map[string]string{}
	for _, pair := range metric.GetLabel() {
		found[pair.GetName()] = pair.GetValue()
	}
	return found
}

// metrics asks cri-logshim for its metrics, where it gives them.
func metrics(ctx context.Context, admin config.Admin) ([]byte, error) {
	endpoint := admin.Listen
	if endpoint == "" {
		endpoint = admin.Metrics
	}
	if endpoint == "" {
		return nil, errors.New("ask cri-logshim for its metrics: admin is off in its configuration")
	}
	path, isUnix := strings.CutPrefix(endpoint, unixScheme)
	if !isUnix {
		return get(ctx, &http.Client{Timeout: askTime}, "http://"+endpoint+"/metrics")
	}
	return get(ctx, unixClient(path), "http://localhost/metrics")
}

// unixClient speaks HTTP at a unix socket.
func unixClient(socket string) *http.Client {
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}
	return &http.Client{Timeout: askTime, Transport: transport}
}

func get(ctx context.Context, client *http.Client, address string) (body []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	if body, err = io.ReadAll(response.Body); err != nil {
		return nil, fmt.Errorf("read what %s answers: %w", address, err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s: %.200s", address, response.Status, body)
	}
	return body, nil
}
