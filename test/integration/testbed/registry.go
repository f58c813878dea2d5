package testbed

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Registry is an image registry in a Machine. It has one image, which is another one in
// each Registry and takes its time.
type Registry struct {
	// Image is what to pull.
	Image string

	server *http.Server
	served chan error
	blobs  map[string][]byte // by digest
	layer  string            // the digest of what is sent slowly
	takes  time.Duration
}

const registryLayerSize = 1 << 20

// NewRegistry begins to serve on the machine's loopback device. The layer of its image
// takes as long to be sent as it is told.
func (m *Machine) NewRegistry(ctx context.Context, takes time.Duration) (*Registry, error) {
	l, err := m.listen(ctx, "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &Registry{Image: l.Addr().String() + "/slow:1", served: make(chan error, 1), blobs: map[string][]byte{}, takes: takes}
	manifest, err := r.fill()
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v2/", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /v2/slow/manifests/{reference}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
		w.Header().Set("Docker-Content-Digest", digestOf(manifest))
		w.Header().Set("Content-Length", strconv.Itoa(len(manifest))) // for HEAD too
		_, _ = w.Write(manifest)                                      // a client that has gone needs none
	})
	mux.HandleFunc("GET /v2/slow/blobs/{digest}", r.blob)
	r.server = &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	go func() { r.served <- r.server.Serve(l) }()
	return r, nil
}

// fill makes the image and returns its manifest.
func (r *Registry) fill() ([]byte, error) {
	noise := make([]byte, registryLayerSize)
	if _, err := rand.Read(noise); err != nil {
		return nil, fmt.Errorf("make an image: %w", err)
	}
	var b bytes.Buffer
	layer := archive{tar.NewWriter(&b)}
	layer.file("noise", 0o644, noise)
	if err := layer.Close(); err != nil {
		return nil, fmt.Errorf("make an image: %w", err)
	}
	r.layer = digestOf(b.Bytes())
	config, err := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH, "os": "linux",
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{r.layer}},
	})
	if err != nil {
		return nil, fmt.Errorf("make an image: %w", err)
	}
	r.blobs[r.layer], r.blobs[digestOf(config)] = b.Bytes(), config
	return json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
		"config": descriptor("application/vnd.oci.image.config.v1+json", config),
		"layers": []any{descriptor("application/vnd.oci.image.layer.v1.tar", b.Bytes())},
	})
}

func descriptor(kind string, content []byte) map[string]any {
	return map[string]any{"mediaType": kind, "digest": digestOf(content), "size": len(content)}
}

func digestOf(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// blob sends a blob, the layer in a hundred pieces.
func (r *Registry) blob(w http.ResponseWriter, request *http.Request) {
	digest := path.Base(request.URL.Path)
	content, is := r.blobs[digest]
	if !is {
		http.NotFound(w, request)
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(content)))
	if digest != r.layer || request.Method == http.MethodHead {
		_, _ = w.Write(content) // a client that has gone needs none
		return
	}
	const pieces = 100
	ticker := time.NewTicker(r.takes / pieces)
	defer ticker.Stop()
	for in := bytes.NewReader(content); in.Len() > 0; {
		if _, err := io.CopyN(w, in, int64(min(in.Len(), len(content)/pieces+1))); err != nil {
			return
		}
		_ = http.NewResponseController(w).Flush() // the same
		select {
		case <-ticker.C:
		case <-request.Context().Done():
			return
		}
	}
}

// Close ends what is under way.
func (r *Registry) Close() error {
	err := r.server.Close()
	if served := <-r.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// listen opens a TCP port of the machine. A socket stays in the network in which it was
// made, so the thread comes back at once. It must not end instead: children that end with
// their parent end with the thread that has started them.
func (m *Machine) listen(ctx context.Context, address string) (l net.Listener, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	own, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, own.Close()) }()
	network, err := os.Open(m.Root("/proc/1/ns/net"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, network.Close()) }()
	if err := unix.Setns(int(network.Fd()), unix.CLONE_NEWNET); err != nil {
		return nil, fmt.Errorf("enter the machine's network: %w", err)
	}
	l, err = new(net.ListenConfig).Listen(ctx, "tcp", address)
	if backErr := unix.Setns(int(own.Fd()), unix.CLONE_NEWNET); backErr != nil {
		panic(fmt.Sprintf("a thread is lost in another network: %v", backErr))
	}
	return l, err
}
