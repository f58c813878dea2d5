package integration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"syscall"
	"testing"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// mostBacklog is how many files may wait for compression when the shim is to come to a step.
const mostBacklog = 100

// catchUp has the writers rest until compression is done with what they wrote, where too
// much has gathered: a busy machine, and a shim that is killed over and over, compress more
// slowly than is written, and the turn of one log would come after ever more files of another.
func (h *killHarness) catchUp(t *testing.T) {
	t.Helper()
	before := h.backlog(t)
	if before <= mostBacklog {
		return
	}
	if !h.shim.Running() {
		if err := h.shim.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	h.signalWriters(t, syscall.SIGSTOP)
	defer h.signalWriters(t, syscall.SIGCONT)
	eventually(t, func(context.Context) error {
		if left := h.backlog(t); left > len(h.logs()) { // the newest file of each stays as it is
			return fmt.Errorf("of %d files that were not compressed there are %d", before, left)
		}
		return nil
	})
}

// backlog is how many rotated files of all logs are not compressed.
func (h *killHarness) backlog(t *testing.T) (files int) {
	t.Helper()
	for _, log := range h.logs() {
		for _, name := range rotatedNames(t, log.LogPath()) {
			is, err := path.Match(plain, name)
			if err != nil {
				t.Fatal(err)
			}
			if is {
				files++
			}
		}
	}
	return files
}

// signalWriters signals the writers that have not ended.
func (h *killHarness) signalWriters(t *testing.T, s syscall.Signal) {
	t.Helper()
	for _, writer := range h.logs() {
		pid, err := pidOf(t.Context(), h.direct, writer)
		if err == nil && pid != 0 {
			err = syscall.Kill(pid, s)
		}
		if err != nil && !errors.Is(err, syscall.ESRCH) {
			t.Fatal(err)
		}
	}
}

// pidOf is the process of a container; 0: it does not run.
func pidOf(ctx context.Context, client *testbed.Client, c *testbed.Container) (int, error) {
	answer, err := client.ContainerStatus(ctx, &runtimeapi.ContainerStatusRequest{ContainerId: c.ID, Verbose: true})
	if err != nil || answer.GetStatus().GetState() != runtimeapi.ContainerState_CONTAINER_RUNNING {
		return 0, err
	}
	var info struct {
		PID int `json:"pid"`
	}
	if err := json.Unmarshal([]byte(answer.GetInfo()["info"]), &info); err != nil {
		return 0, fmt.Errorf("read which process container %q is: %w", c.Config.Metadata.Name, err)
	}
	if info.PID <= 0 {
		return 0, fmt.Errorf("container %q runs as process %d", c.Config.Metadata.Name, info.PID)
	}
	return info.PID, nil
}
