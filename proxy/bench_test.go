package proxy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	runtimev1 "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// The benchmarks compare two things in one run, call by call in turn: a typed
// client before a typed server, and the same with the proxy between. Server and
// proxy are processes of their own, as they are on a node; this program starts
// itself again for each of them.
const (
	roleVariable = "PROXY_BENCHMARK_ROLE"
	roleServer   = "server"
	roleProxy    = "proxy"
	roleMeasured = "measured" // a proxy that tells what it adds
)

// runRole serves on the socket of that name in the working directory until
// standard input ends.
func runRole(role string) error {
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	socket := roleProxy
	switch role {
	case roleServer:
		socket = roleServer
	case roleMeasured:
		socket = roleMeasured
	}
	l, err := Listen("unix://"+dir+"/"+socket, nil)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	if role == roleServer {
		return serveCanned(ctx, l)
	}
	o := Options{RuntimeEndpoint: "unix://" + dir + "/" + roleServer}
	if role == roleMeasured {
		h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "added", Buckets: prometheus.ExponentialBuckets(1e-6, 4, 12)}, []string{"grpc_method"})
		o.Added = func(method string, d time.Duration) { h.WithLabelValues(method).Observe(d.Seconds()) }
	}
	p, err := New(o)
	if err != nil {
		return err
	}
	return errors.Join(p.Serve(ctx, l), p.Close())
}

// canned is a runtime with a list of containers and nothing else.
type canned struct {
	runtimev1.UnimplementedRuntimeServiceServer
	list *runtimev1.ListContainersResponse
}

func (c *canned) Version(context.Context, *runtimev1.VersionRequest) (*runtimev1.VersionResponse, error) {
	return &runtimev1.VersionResponse{Version: "0.1.0", RuntimeName: "canned", RuntimeVersion: "1", RuntimeApiVersion: "v1"}, nil
}

func (c *canned) ListContainers(context.Context, *runtimev1.ListContainersRequest) (*runtimev1.ListContainersResponse, error) {
	return c.list, nil
}

func serveCanned(ctx context.Context, l net.Listener) error {
	c := &canned{list: new(runtimev1.ListContainersResponse)}
	for i := range 500 {
		c.list.Containers = append(c.list.Containers, &runtimev1.Container{
			Id:           fmt.Sprintf("%064d", i),
			PodSandboxId: fmt.Sprintf("%064d", i/2),
			Metadata:     &runtimev1.ContainerMetadata{Name: "container"},
			Image:        &runtimev1.ImageSpec{Image: "registry.example/some/image:v1.2.3"},
			ImageRef:     fmt.Sprintf("sha256:%064d", i),
			State:        runtimev1.ContainerState_CONTAINER_RUNNING,
			CreatedAt:    1700000000000000000,
			Labels: map[string]string{
				"io.kubernetes.container.name": "container",
				"io.kubernetes.pod.name":       fmt.Sprintf("pod-%d", i),
				"io.kubernetes.pod.namespace":  "default",
				"io.kubernetes.pod.uid":        fmt.Sprintf("00000000-0000-0000-0000-%012d", i),
			},
		})
	}
	server := grpc.NewServer(grpc.MaxRecvMsgSize(16<<20), grpc.MaxSendMsgSize(16<<20))
	runtimev1.RegisterRuntimeServiceServer(server, c)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		<-ctx.Done()
		server.Stop()
	}()
	err := server.Serve(l)
	<-stopped
	return err
}

// startRole starts this program in another role, for as long as the benchmark.
func startRole(b *testing.B, role, dir string) {
	b.Helper()
	c := exec.CommandContext(context.WithoutCancel(b.Context()), os.Args[0])
	c.Dir = dir
	c.Env = append(os.Environ(), roleVariable+"="+role)
	c.Stderr = os.Stderr
	in, inErr := c.StdinPipe()
	out, outErr := c.StdoutPipe()
	if err := errors.Join(inErr, outErr, c.Start()); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := errors.Join(in.Close(), c.Wait()); err != nil {
			b.Error(err)
		}
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		b.Fatalf("%s says %q, %v", role, line, err)
	}
}

type call func(context.Context, runtimev1.RuntimeServiceClient) error

func version(ctx context.Context, c runtimev1.RuntimeServiceClient) error {
	_, err := c.Version(ctx, &runtimev1.VersionRequest{})
	return err
}

func list(ctx context.Context, c runtimev1.RuntimeServiceClient) error {
	_, err := c.ListContainers(ctx, &runtimev1.ListContainersRequest{})
	return err
}

// BenchmarkProxied reports what a call through the proxy costs as a multiple of
// the direct one: the median of each, and the throughput with 16 callers as a
// fraction.
//
//	go test ./proxy -run '^$' -bench Proxied -benchtime 20x -count 5
func BenchmarkProxied(b *testing.B) {
	for name, c := range map[string]struct {
		do      call
		callers int
		calls   int // of each caller in one iteration
	}{
		"Version":           {version, 1, 200},
		"Version16":         {version, 16, 50},
		"ListContainers500": {list, 1, 20},
	} {
		b.Run(name, func(b *testing.B) {
			dir := socketDir(b)
			startRole(b, roleServer, dir)
			startRole(b, roleProxy, dir)
			direct, proxied := &side{b: b}, &side{b: b}
			direct.dial(dir + "/" + roleServer)
			proxied.dial(dir + "/" + roleProxy)
			for _, s := range []*side{direct, proxied} {
				s.batch(c.do, c.callers, c.calls) // warm up
				s.latencies, s.took = nil, 0
			}
			for b.Loop() {
				direct.batch(c.do, c.callers, c.calls)
				proxied.batch(c.do, c.callers, c.calls)
			}
			b.ReportMetric(float64(proxied.median())/float64(direct.median()), "×p50")
			b.ReportMetric(float64(direct.took)/float64(proxied.took), "×throughput")
			b.ReportMetric(float64(proxied.median().Nanoseconds())/1e3, "µs-p50")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// side is one of the two ways to the server.
type side struct {
	b         *testing.B
	client    runtimev1.RuntimeServiceClient
	mu        sync.Mutex
	latencies []time.Duration
	took      time.Duration
}

func (s *side) dial(path string) {
	s.b.Helper()
	conn, err := grpc.NewClient(target(path), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(16<<20)))
	if err != nil {
		s.b.Fatal(err)
	}
	s.b.Cleanup(func() {
		if err := conn.Close(); err != nil {
			s.b.Error(err)
		}
	})
	s.client = runtimev1.NewRuntimeServiceClient(conn)
}

func (s *side) batch(do call, callers, calls int) {
	begin := time.Now()
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			latencies := make([]time.Duration, 0, calls)
			for range calls {
				begin := time.Now()
				if err := do(s.b.Context(), s.client); err != nil {
					s.b.Error(err)
					return
				}
				latencies = append(latencies, time.Since(begin))
			}
			s.mu.Lock()
			s.latencies = append(s.latencies, latencies...)
			s.mu.Unlock()
		})
	}
	all.Wait()
	s.took += time.Since(begin)
}

func (s *side) median() time.Duration {
	slices.Sort(s.latencies)
	return s.latencies[len(s.latencies)/2]
}
