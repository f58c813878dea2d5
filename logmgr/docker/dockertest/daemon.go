package dockertest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"sync"

	"google.golang.org/grpc"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Options are what a Daemon begins with.
type Options struct {
	// Dir is an existing directory with a short path, for the sockets.
	Dir string
	// DataRoot is Docker's data directory; empty: "data" in Dir.
	DataRoot string
	// LogDriver is daemon.json's log-driver; empty: json-file.
	LogDriver string
	// LogOptions are its log-opts: "max-size", "max-file", "compress".
	LogOptions map[string]string
}

// Daemon serves CRI and the engine's API until Close.
type Daemon struct {
	server *server
	grpc   *grpc.Server
	http   *http.Server
	served sync.WaitGroup
	failed chan error
}

// server is what both are served from.
type server struct {
	cri.UnimplementedRuntimeServiceServer
	options Options

	mu         sync.Mutex
	containers map[string]*container
	sandboxes  map[string]*sandbox
}

// Start starts a Daemon without containers.
func Start(ctx context.Context, options Options) (*Daemon, error) {
	if options.DataRoot == "" {
		options.DataRoot = filepath.Join(options.Dir, "data")
	}
	if options.LogDriver == "" {
		options.LogDriver = "json-file"
	}
	s := &server{options: options, containers: map[string]*container{}, sandboxes: map[string]*sandbox{}}
	d := &Daemon{server: s, grpc: grpc.NewServer(), http: &http.Server{Handler: s.engine()}, failed: make(chan error, 2)}
	cri.RegisterRuntimeServiceServer(d.grpc, s)
	for path, serve := range map[string]func(net.Listener) error{d.socket("cri-dockerd"): d.grpc.Serve, d.socket("docker"): d.http.Serve} {
		listener, err := new(net.ListenConfig).Listen(ctx, "unix", path)
		if err != nil {
			return nil, errors.Join(err, d.Close())
		}
		d.served.Go(func() {
			if err := serve(listener); !errors.Is(err, http.ErrServerClosed) {
				d.failed <- err
			}
		})
	}
	return d, nil
}

func (d *Daemon) socket(name string) string { return filepath.Join(d.server.options.Dir, name+".sock") }

// Endpoint is where CRI v1 is served.
func (d *Daemon) Endpoint() string { return "unix://" + d.socket("cri-dockerd") }

// Engine is where Docker Engine's API is served.
func (d *Daemon) Engine() string { return "unix://" + d.socket("docker") }

// DataRoot is Docker's data directory.
func (d *Daemon) DataRoot() string { return d.server.options.DataRoot }

// Close ends all containers and stops to serve. The files stay.
func (d *Daemon) Close() error {
	d.grpc.Stop()
	err := d.http.Close()
	d.served.Wait()
	close(d.failed)
	for failed := range d.failed {
		err = errors.Join(err, failed)
	}
	d.server.mu.Lock()
	defer d.server.mu.Unlock()
	for _, c := range d.server.containers {
		err = errors.Join(err, c.halt())
	}
	return err
}

// newID is one as Docker makes them.
func newID() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // it never fails
	return hex.EncodeToString(b[:])
}
