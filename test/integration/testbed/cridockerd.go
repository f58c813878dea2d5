package testbed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cri-logshim/cri-logshim/logmgr/docker/dockertest"
)

// CRIDockerd stands for cri-dockerd and the Docker behind it, in the process of the test:
// its containers are no processes, and their command is one of dockertest's.
type CRIDockerd struct {
	Node
	*dockertest.Daemon
}

// NewCRIDockerd serves CRI and Docker's API with the log-opts of a daemon.json.
func NewCRIDockerd(ctx context.Context, logOptions map[string]string) (*CRIDockerd, error) {
	dir, err := NewFolder(baseDir)
	if err != nil {
		return nil, fmt.Errorf("make a folder for docker: %w", err)
	}
	c := &CRIDockerd{Node: newNode(dir, "cri-dockerd.sock", false)}
	err = os.MkdirAll(c.PodLogsDir, 0o755)
	if err == nil {
		c.Daemon, err = dockertest.Start(ctx, dockertest.Options{Dir: dir, DataRoot: filepath.Join(dir, "docker"), LogOptions: logOptions})
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("stand for cri-dockerd: %w", err), os.RemoveAll(dir))
	}
	return c, nil
}

// Endpoint is where CRI is served.
func (c *CRIDockerd) Endpoint() string { return c.Node.Endpoint() }

// Close ends all containers and removes everything.
func (c *CRIDockerd) Close() error { return errors.Join(c.Daemon.Close(), os.RemoveAll(c.Dir)) }
