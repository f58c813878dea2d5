package integration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	adminapi "github.com/cri-logshim/cri-logshim/admin/api"
	"github.com/cri-logshim/cri-logshim/admin/api/apitest"
	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// A log that an operator has rotated again and again, while it is written to, has every line once and in
// order, in as many files more as there were orders, which is what the operator is told.
func TestRotatedOnRequest(t *testing.T) {
	const orders = 5
	onNewest(t, func(t *testing.T, containerd *testbed.Containerd) {
		shim, client := newShim(t, containerd, func(c *config.Configuration) {
			keepAll(c)
			c.Rotation.MaxSize = 1 << 40 // nobody else rotates
		})
		writer := runWriter(t, client, containerd.PodConfig("shop", "web"), "-stream=both", "-rate=1000000")
		for i := range orders {
			eventually(t, func(context.Context) error { return notEmpty(writer.LogPath()) })
			var done []struct {
				Name string `json:"name"`
				adminapi.RotateResult
			}
			operate(t, shim, &done, "rotate", "shop/web/app", "-o", "json")
			if len(done) != 1 || done[0].Name != "shop/web/app" || done[0].Bytes == 0 || !slices.Contains(stems(rotatedNames(t, writer.LogPath())), done[0].File) {
				t.Errorf("order %d: it says %+v, and there are %q", i, done, rotatedNames(t, writer.LogPath()))
			}
		}
		var list adminapi.LogList
		operate(t, shim, &list, "list", "-o", "json")
		if len(list.Logs) != 1 || list.Logs[0].Rotations != orders || list.Logs[0].LastRotation == nil || list.Logs[0].ID != writer.ID || !list.Logs[0].Managed {
			t.Errorf("after %d orders the list is %+v", orders, list.Logs)
		}
		var node adminapi.Node
		operate(t, shim, &node, "status", "-o", "json")
		if node.Rotations != orders || node.Logs != 1 || node.Runtime.Name != "containerd" || len(node.Reasons) > 0 {
			t.Errorf("the status is %+v", node)
		}
		var pruned adminapi.PruneResult
		operate(t, shim, &pruned, "prune", "--dry-run", "--kept", "-o", "json")
		if !pruned.DryRun || len(pruned.Files) > 0 {
			t.Errorf("what would be removed: %+v", pruned)
		}
		asDescribed(t, shim)
		if err := writer.Stop(t.Context(), time.Minute); err != nil {
			t.Fatal(err)
		}
		exited(t, writer)
		if found := complete(t, shim, writer.LogPath(), "stdout", "stderr"); len(found.Rotated) != orders {
			t.Errorf("after %d orders there are %d rotated files", orders, len(found.Rotated))
		}
	})
}

// notEmpty is nil when a log has a line that can be rotated.
func notEmpty(log string) error {
	info, err := os.Stat(log)
	if err == nil && info.Size() == 0 {
		err = errors.New("the log is still empty")
	}
	return err
}

// stems are names of rotated files as they were before they were compressed.
func stems(names []string) []string {
	var plain []string
	for _, name := range names {
		plain = append(plain, strings.TrimSuffix(name, ".gz"))
	}
	return plain
}

// operate runs a command of the program as an operator, and reads what it prints as JSON.
func operate(t *testing.T, shim *testbed.Shim, into any, args ...string) {
	t.Helper()
	var said strings.Builder
	cmd := exec.CommandContext(t.Context(), programs.Shim, append(args, "--config", shim.ConfigFile())...)
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, into)
	}
	if err != nil || said.Len() > 0 {
		t.Fatalf("%s: %v\n%s%s", strings.Join(args, " "), err, out, said.String())
	}
}

// asDescribed wants what the daemon tells of real logs to be what the description of its API has.
func asDescribed(t *testing.T, shim *testbed.Shim) {
	t.Helper()
	description, err := apitest.Read()
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{adminapi.PathNode, adminapi.PathLogs, adminapi.PathEvents} {
		body, err := shim.Admin(t.Context(), path)
		if err == nil {
			err = description.Answer(http.MethodGet, path, http.StatusOK, http.Header{"Content-Type": {"application/json"}}, []byte(body))
		}
		if err != nil {
			t.Error(fmt.Errorf("%s: %w", path, err))
		}
	}
}
