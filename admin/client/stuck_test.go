package client

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cri-logshim/cri-logshim/admin/api"
	"github.com/cri-logshim/cri-logshim/exitcode"
)

// A daemon that takes questions and answers none holds up nobody for ever.
func TestStuckDaemon(t *testing.T) {
	for name, ask := range map[string]func(ctx context.Context, c *Client) error{
		"node":   func(ctx context.Context, c *Client) error { _, err := c.Node(ctx); return err },
		"logs":   func(ctx context.Context, c *Client) error { _, err := c.Logs(ctx); return err },
		"rotate": func(ctx context.Context, c *Client) error { _, err := c.Rotate(ctx, "id"); return err },
		"prune":  func(ctx context.Context, c *Client) error { _, err := c.Prune(ctx, api.PruneRequest{}); return err },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				mine, theirs := net.Pipe()
				dial := func(context.Context, string, string) (net.Conn, error) { return mine, nil }
				go func() {
					for buffer, err := make([]byte, 1<<10), error(nil); err == nil; {
						_, err = theirs.Read(buffer)
					}
				}()
				c := &Client{endpoint: "here", base: "http://localhost", http: &http.Client{Transport: &http.Transport{DialContext: dial}}}
				ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
				defer cancel()
				err := ask(ctx, c)
				if ctx.Err() != nil || exitcode.Of(err) != exitcode.Unreachable || !strings.Contains(err.Error(), "no answer in time") {
					t.Errorf("%v, asked for a day: %v", err, ctx.Err())
				}
				_ = theirs.Close()
			})
		})
	}
}
