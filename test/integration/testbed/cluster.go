package testbed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// KubernetesVersion is that of kube-apiserver and kubectl, which hack/setup.sh builds.
const KubernetesVersion = KubeletVersion

// Cluster is an etcd and a kube-apiserver on 127.0.0.1. There is neither a scheduler nor a
// controller: a pod names its node, and nobody makes it again. Whoever asks with the
// token of Kubeconfig may do everything.
type Cluster struct {
	// Kubeconfig is a file for kubelet and kubectl.
	Kubeconfig string
	// StrangerKubeconfig is one for Stranger, who may do nothing until somebody allows it.
	StrangerKubeconfig string

	network *Network
	dir     string
	kubectl string
	port    int // of kube-apiserver
	etcd    *server
	api     *server
}

// NewCluster starts the two with all that they make within containerd.Dir, and waits until
// they serve. It is to be closed before containerd. Only in a Network of its own, which its kubelets and
// clients have to be in, too, the API server passes requests on to kubelet.
func NewCluster(ctx context.Context, containerd *Containerd, programs Programs, network *Network) (*Cluster, error) {
	cache, err := cacheDir()
	if err != nil {
		return nil, err
	}
	bin := filepath.Join(cache, "kubernetes-"+KubernetesVersion, "bin")
	api, etcd := filepath.Join(bin, "kube-apiserver"), filepath.Join(cache, "tools", "etcd")
	c := &Cluster{kubectl: filepath.Join(bin, "kubectl"), network: network}
	for _, file := range []string{api, etcd, c.kubectl} {
		if _, err := os.Stat(file); err != nil {
			return nil, fmt.Errorf("the API server is not set up, run hack/setup.sh: %w", err)
		}
	}
	if c.dir, err = os.MkdirTemp(containerd.Dir, "cluster-"); err != nil {
		return nil, fmt.Errorf("make a folder for the API server: %w", err)
	}
	c.Kubeconfig, c.StrangerKubeconfig = filepath.Join(c.dir, "kubeconfig.json"), filepath.Join(c.dir, "stranger.json")
	if err := c.start(ctx, programs.cell, etcd, api); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context, cell, etcd, api string) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	var ports [3]int
	for n := range ports {
		var err error
		if ports[n], err = freePort(ctx); err != nil {
			return err
		}
	}
	client, peer := fmt.Sprintf("http://127.0.0.1:%d", ports[0]), fmt.Sprintf("http://127.0.0.1:%d", ports[1])
	c.port = ports[2]
	if err := c.writeFiles(); err != nil {
		return err
	}
	var err error
	if c.etcd, err = startServer(ctx, c.network, cell, filepath.Join(c.dir, "etcd.log"), etcd, c.etcdFlags(client, peer)); err != nil {
		return err
	}
	if c.api, err = startServer(ctx, c.network, cell, filepath.Join(c.dir, "kube-apiserver.log"), api, c.apiFlags(client)); err != nil {
		return err
	}
	err = Until(ctx, func(ctx context.Context) error {
		if err := errors.Join(c.etcd.cell.exited(), c.api.cell.exited()); err != nil {
			cancel()
			return err
		}
		if _, err := c.get(ctx, "/readyz"); err != nil {
			return err
		}
		_, err := c.get(ctx, "/api/v1/namespaces/"+Namespace) // the API server makes it a little later
		return err
	})
	if err != nil {
		return fmt.Errorf("start the API server: %w\n%s\n%s", err, c.etcd.log(), c.api.log())
	}
	return nil
}

// Log is the end of what kube-apiserver has logged.
func (c *Cluster) Log() string { return c.api.log() }

// Close ends the two at once. Their files go with containerd's.
func (c *Cluster) Close() error { return errors.Join(c.api.close(), c.etcd.close()) }

// server is a program of the cluster in a cell, so that it ends with us.
type server struct {
	cell   *cell
	output *os.File
}

func startServer(ctx context.Context, network *Network, cellBinary, log, program string, flags []string) (*server, error) {
	output, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("make the log of %q: %w", program, err)
	}
	s := &server{output: output}
	env := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	if s.cell, err = newCell(network, cellBinary, output, env, append([]string{program}, flags...)...); err != nil {
		return nil, errors.Join(err, s.close())
	}
	if err := s.cell.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start %q: %w\n%s", program, err, s.log()), s.close())
	}
	return s, nil
}

func (s *server) log() string { return tail(s.output.Name()) }

// close is for one that was never started, too.
func (s *server) close() error {
	if s == nil {
		return nil
	}
	var errs []error
	if s.cell != nil {
		errs = append(errs, s.cell.close())
	}
	return errors.Join(append(errs, s.output.Close())...)
}
