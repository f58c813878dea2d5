package page_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/cri-logshim/cri-logshim/admin/api"
)

// stuck is a daemon whose log manager waits for a disk.
type stuck struct{}

func (stuck) Node(ctx context.Context) (api.Node, error) {
	<-ctx.Done()
	return api.Node{}, ctx.Err()
}

func (stuck) Logs(context.Context) (api.LogList, error) { return api.LogList{}, nil }

// A daemon that is stuck is one that the page tells of: a browser that only waits tells nothing.
func TestPageOfAStuckDaemon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := ask(t, newPage(t, stuck{}), http.MethodGet, "/")
		if body := w.Body.String(); w.Code != http.StatusOK || !strings.Contains(body, "context deadline exceeded") || !strings.Contains(body, "No answer") {
			t.Errorf("answered %d %q", w.Code, body)
		}
	})
}
