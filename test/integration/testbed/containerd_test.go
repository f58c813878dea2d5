package testbed

import (
	"io"
	"os"
	"strings"
	"testing"
)

// ignored takes orders that nobody follows.
type ignored struct{ io.Writer }

func (ignored) Close() error { return nil }

// A containerd that ends at its start leaves what it said last in the error: its folder
// goes with it.
func TestStartThatEnds(t *testing.T) {
	for name, told := range map[string][]string{
		"before it is started":   nil,
		"instead of being":       {"exited 1"},
		"as soon as it is":       {"started", "exited 1"},
		"with the cell, at once": {"started"},
	} {
		events := make(chan string, len(told))
		for _, event := range told {
			events <- event
		}
		close(events)
		c := &Containerd{Node: newNode(t.TempDir(), "containerd.sock", false), cell: &cell{orders: ignored{io.Discard}, events: events}}
		const last = "failed to load the plugin"
		if err := os.WriteFile(c.LogFile(), []byte("starting\n"+last+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := c.Start(t.Context()); err == nil || !strings.Contains(err.Error(), last) {
			t.Errorf("%s: %v does not tell what it said", name, err)
		}
	}
}
