package testbed

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Traffic makes unary calls of several kinds at an even pace, whether or not earlier ones
// have been answered. Of four calls, three share two lasting connections and one has a
// connection of its own.
type Traffic struct {
	endpoint string
	kinds    []call
	lasting  []*Client
	stop     context.CancelFunc
	calls    sync.WaitGroup

	mu     sync.Mutex
	times  []time.Duration
	failed []error
}

// call is one kind of call.
type call struct {
	name string
	do   func(context.Context, *Client) error
}

// trafficPace is the time between two calls: 200 a second.
const trafficPace = 5 * time.Millisecond

// callTime is how long kubelet waits for most calls.
const callTime = 2 * time.Minute

// StartTraffic begins with calls to an endpoint, some of them about a container.
func StartTraffic(ctx context.Context, endpoint string, about *Container) (*Traffic, error) {
	ctx, stop := context.WithCancel(ctx)
	t := &Traffic{endpoint: endpoint, kinds: callsAbout(about), stop: stop}
	for range 2 {
		client, err := DialAsKubelet(endpoint)
		if err != nil {
			return nil, errors.Join(err, t.close())
		}
		t.lasting = append(t.lasting, client)
	}
	t.calls.Go(func() { t.run(ctx) })
	return t, nil
}

// callsAbout are those that kubelet makes again and again.
func callsAbout(c *Container) []call {
	return []call{
		{"Version", func(ctx context.Context, cri *Client) error {
			_, err := cri.Version(ctx, &runtimeapi.VersionRequest{})
			return err
		}},
		{"Status", func(ctx context.Context, cri *Client) error {
			_, err := cri.RuntimeServiceClient.Status(ctx, &runtimeapi.StatusRequest{})
			return err
		}},
		{"ListPodSandbox", func(ctx context.Context, cri *Client) error {
			_, err := cri.ListPodSandbox(ctx, &runtimeapi.ListPodSandboxRequest{})
			return err
		}},
		{"ListContainers", func(ctx context.Context, cri *Client) error {
			_, err := cri.ListContainers(ctx, &runtimeapi.ListContainersRequest{})
			return err
		}},
		{"ContainerStatus", func(ctx context.Context, cri *Client) error {
			_, err := cri.ContainerStatus(ctx, &runtimeapi.ContainerStatusRequest{ContainerId: c.ID})
			return err
		}},
		{"PodSandboxStatus", func(ctx context.Context, cri *Client) error {
			_, err := cri.PodSandboxStatus(ctx, &runtimeapi.PodSandboxStatusRequest{PodSandboxId: c.Pod.ID})
			return err
		}},
		{"ListImages", func(ctx context.Context, cri *Client) error {
			_, err := cri.ListImages(ctx, &runtimeapi.ListImagesRequest{})
			return err
		}},
	}
}

func (t *Traffic) run(ctx context.Context) {
	ticker := time.NewTicker(trafficPace)
	defer ticker.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			t.calls.Go(func() { t.one(context.WithoutCancel(ctx), n) })
		}
	}
}

// one makes the nth call.
func (t *Traffic) one(ctx context.Context, n int) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	kind, begun := t.kinds[n%len(t.kinds)], time.Now()
	var err error
	if n%4 == 3 {
		err = t.alone(ctx, kind)
	} else {
		err = kind.do(ctx, t.lasting[n%len(t.lasting)])
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.times = append(t.times, time.Since(begun))
	if err != nil {
		t.failed = append(t.failed, fmt.Errorf("%s, call %d, %s, after %v: %w", kind.name, n, begun.Format("15:04:05.000"), time.Since(begun), err))
	}
}

// alone makes a call on a connection of its own.
func (t *Traffic) alone(ctx context.Context, kind call) error {
	client, err := DialAsKubelet(t.endpoint)
	if err != nil {
		return err
	}
	return errors.Join(kind.do(ctx, client), client.Close())
}

// Passage is what came of calls.
type Passage struct {
	Calls   int
	Failed  []error
	Longest time.Duration
	Median  time.Duration
}

// String is a line for a log.
func (p Passage) String() string {
	return fmt.Sprintf("%d calls, %d failed, median %v, longest %v", p.Calls, len(p.Failed), p.Median, p.Longest)
}

// Stop makes no more calls, waits for those under way, and tells what came of all.
func (t *Traffic) Stop() (Passage, error) {
	err := t.close()
	if len(t.times) == 0 {
		return Passage{}, errors.Join(errors.New("no call was made"), err)
	}
	slices.Sort(t.times)
	return Passage{
		Calls: len(t.times), Failed: t.failed, Longest: t.times[len(t.times)-1], Median: t.times[len(t.times)/2],
	}, err
}

func (t *Traffic) close() error {
	t.stop()
	t.calls.Wait()
	var errs []error
	for _, client := range t.lasting {
		errs = append(errs, client.Close())
	}
	t.lasting = nil
	return errors.Join(errs...)
}

// DialAsKubelet is Dial with the settings of kubelet 1.36: its own dialer, and its times
// between two attempts to connect.
func DialAsKubelet(endpoint string) (*Client, error) {
	pause := backoff.DefaultConfig
	pause.BaseDelay, pause.MaxDelay = 100*time.Millisecond, 3*time.Second
	conn, err := grpc.NewClient("passthrough:///"+strings.TrimPrefix(endpoint, "unix://"),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithAuthority("localhost"),
		grpc.WithContextDialer(func(ctx context.Context, path string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage)),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: pause, MinConnectTimeout: 5 * time.Second}))
	if err != nil {
		return nil, fmt.Errorf("dial %q: %w", endpoint, err)
	}
	return newClient(conn, conn.Close), nil
}
