package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

const (
	corpusPods     = 40    // lives of pods that containerd and cri-logshim tell of
	corpusLooks    = 120   // looks at all pods during each, as kubelet's one a second
	corpusRequests = 40000 // that the web server tells of
	// corpusGap is the mean time between two lines of a wrapped log.
	corpusGap = 3 * time.Millisecond
)

// journal is what one real program has said, as a runtime writes it to a container log.
type journal struct {
	kind string
	text []byte
}

// makeCorpus lets three programs work and collects what they say about it: containerd
// (logfmt) and cri-logshim (JSON) during the lives of some pods, and a web server (plain
// text) during some requests. Nothing of it was made to be compressed.
func makeCorpus(ctx context.Context, programs testbed.Programs) ([]journal, error) {
	install, err := testbed.Installed(testbed.Newest)
	if err != nil {
		return nil, err
	}
	said, asJSON, err := podJournals(ctx, install, programs)
	if err != nil {
		return nil, err
	}
	plain, err := webJournal(ctx, install.Busybox)
	if err != nil {
		return nil, err
	}
	return []journal{
		{"containerd's trace log, logfmt", wrap(said)},
		{"cri-logshim's debug log, JSON", wrap(asJSON)},
		{"busybox httpd's log, plain text", wrap(plain)},
	}, nil
}

// podJournals lets pods live and returns what containerd and cri-logshim said.
func podJournals(ctx context.Context, install testbed.Install, programs testbed.Programs) (logfmt, asJSON []byte, err error) {
	install.LogLevel = "trace"
	containerd, err := testbed.New(ctx, install, programs)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, containerd.Close()) }()
	shim, err := testbed.NewShim(ctx, containerd, programs, func(c *config.Configuration) {
		c.Log.Level, c.Log.Format = "debug", "json"
		c.Node = config.Node{}
	})
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, shim.Close()) }()
	client, err := shim.Dial()
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	for n := range corpusPods {
		if err := onePodsLife(ctx, containerd, client, n); err != nil {
			return nil, nil, err
		}
	}
	if logfmt, err = os.ReadFile(containerd.LogFile()); err != nil {
		return nil, nil, err
	}
	asJSON, err = os.ReadFile(shim.LogFile())
	return logfmt, asJSON, err
}

// onePodsLife runs a pod and looks at it as kubelet does.
func onePodsLife(ctx context.Context, containerd *testbed.Containerd, client *testbed.Client, n int) error {
	pod, err := client.RunPod(ctx, containerd.PodConfig("team-"+strconv.Itoa(n%7), "job-"+hexID("job", n)[:10]))
	if err != nil {
		return err
	}
	container, err := pod.Run(ctx, testbed.ContainerConfig("main", 0, "/bin/sleep", "1000"))
	if err != nil {
		return err
	}
	for range corpusLooks {
		_, listErr := client.ListPodSandbox(ctx, &runtimeapi.ListPodSandboxRequest{})
		_, containersErr := client.ListContainers(ctx, &runtimeapi.ListContainersRequest{})
		_, podErr := client.PodSandboxStatus(ctx, &runtimeapi.PodSandboxStatusRequest{PodSandboxId: pod.ID})
		_, statusErr := client.ContainerStatus(ctx, &runtimeapi.ContainerStatusRequest{ContainerId: container.ID})
		if err := errors.Join(listErr, containersErr, podErr, statusErr); err != nil {
			return err
		}
	}
	return pod.Remove(ctx)
}

// webJournal sends requests to a web server on the loopback device and returns what it
// said about them.
func webJournal(ctx context.Context, busybox string) (_ []byte, err error) {
	dir, err := os.MkdirTemp("", "cri-logshim-web-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.WriteFile(filepath.Join(dir, "index.html"), []byte("hello\n"), 0o600); err != nil {
		return nil, err
	}
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var said bytes.Buffer
	server := exec.CommandContext(ctx, busybox, "httpd", "-f", "-vv", "-p", address, "-h", dir)
	server.Stderr = &said
	if err := server.Start(); err != nil {
		return nil, err
	}
	err = requests(ctx, address)
	cancel()
	if waitErr := server.Wait(); err == nil && ctx.Err() == nil {
		err = waitErr
	}
	return said.Bytes(), err
}

// freeAddress is an address of the machine itself that nobody serves.
func freeAddress(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// requests asks a web server for pages of a made-up shop, in a mixture that is the same
// in every run.
func requests(ctx context.Context, address string) error {
	waiting, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := testbed.Until(waiting, func(ctx context.Context) error { return request(ctx, address, "/") }); err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(1, 2))
	for n := range corpusRequests {
		if err := request(ctx, address, pageOf(random, n)); err != nil {
			return err
		}
	}
	return nil
}

// pageOf is the path of the n-th request: few pages are asked for often, many rarely, and
// sessions come back.
func pageOf(random *rand.Rand, n int) string {
	item := int(random.ExpFloat64() * 300)
	session := hexID("session", n/9)[:24]
	switch random.IntN(5) {
	case 0:
		return "/"
	case 1:
		return fmt.Sprintf("/api/v1/items/%d?session=%s", item, session)
	case 2:
		return fmt.Sprintf("/static/img/%s.webp", hexID("image", item)[:16])
	case 3:
		return fmt.Sprintf("/api/v1/carts/%s/lines?limit=%d&offset=%d", session, 10*(1+random.IntN(5)), random.IntN(40))
	default:
		return fmt.Sprintf("/search?q=%s+%s&page=%d", hexID("word", random.IntN(500))[:6], hexID("word", item)[:5], random.IntN(9))
	}
}

// request makes one request and takes in the answer, whatever it is.
func request(ctx context.Context, address, page string) (err error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.0\r\nHost: shop.example\r\n\r\n", page); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, conn)
	return err
}

// wrap puts a program's output into the format of container logs, with times as a clock
// of nanoseconds gives them. They are the same in every run.
func wrap(said []byte) []byte {
	var out bytes.Buffer
	random := rand.New(rand.NewPCG(3, 4))
	at := created()
	for line := range strings.Lines(string(said)) {
		at = at.Add(time.Duration(random.ExpFloat64() * float64(corpusGap)))
		fmt.Fprintf(&out, "%s stderr F %s\n", at.Format(time.RFC3339Nano), strings.TrimSuffix(line, "\n"))
	}
	return out.Bytes()
}
