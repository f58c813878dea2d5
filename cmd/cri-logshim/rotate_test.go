package main

import (
	"testing"

	"github.com/cri-logshim/cri-logshim/admin/api"
	"github.com/cri-logshim/cri-logshim/exitcode"
)

// A log is chosen as a person means it: the one that is written to now of several of a name, and the
// one whose id is given in full though another begins like it. What may be several is none.
func TestLogThatIsMeant(t *testing.T) {
	t.Parallel()
	logs := []api.Log{
		{ID: "abc1", Namespace: "shop", Pod: "web-0", Container: "app", State: "exited"},
		{ID: "abc12", Namespace: "shop", Pod: "web-0", Container: "app", State: "running"},
		{ID: "def", Namespace: "shop", Pod: "job", Container: "app", State: "exited"},
		{ID: "de1", Namespace: "shop", Pod: "job", Container: "app", State: "exited"},
		{ID: "f00", Namespace: "shop", Pod: "one", Container: "app", State: "created"},
	}
	for named, want := range map[string]string{"shop/web-0/app": "abc12", "abc1": "abc1", "abc12": "abc12", "def": "def", "f": "f00", "shop/one/app": "f00"} {
		if l, err := chosen(logs, named); err != nil || l.ID != want {
			t.Errorf("%s: %s, %v; want %s", named, l.ID, err, want)
		}
	}
	for named, want := range map[string]exitcode.Code{"abc": exitcode.Usage, "shop/job/app": exitcode.Usage, "x": exitcode.NotFound, "": exitcode.NotFound, "shop/web-0": exitcode.NotFound} {
		if l, err := chosen(logs, named); exitcode.Of(err) != want {
			t.Errorf("%q: %s, %v; want the exit code %d", named, l.ID, err, want)
		}
	}
}
