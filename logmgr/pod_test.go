package logmgr_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cri-logshim/cri-logshim/logmgr"
)

// TestAnnotationsFor: what is addressed to a container is kept as it is, and
// nothing else.
func TestAnnotationsFor(t *testing.T) {
	for name, test := range map[string]struct {
		container string
		has, want map[string]string
	}{
		"none":       {"app", nil, nil},
		"no others":  {"app", map[string]string{"example.com/maxSize": "1Mi", "cri-logshim": "x", "cri-logshim.io": "y"}, map[string]string{"cri-logshim.io": "y"}},
		"pod's":      {"app", map[string]string{"cri-logshim.io/maxSize": "1Mi"}, map[string]string{"cri-logshim.io/maxSize": "1Mi"}},
		"its own":    {"app", map[string]string{"app.cri-logshim.io/maxSize": "1Mi"}, map[string]string{"app.cri-logshim.io/maxSize": "1Mi"}},
		"another's":  {"app", map[string]string{"my-app.cri-logshim.io/maxSize": "1Mi", "a.app.cri-logshim.io/maxSize": "1Mi"}, nil},
		"look-alike": {"app", map[string]string{"cri-logshim.io.evil.com/maxSize": "1Mi", "xcri-logshim.io/maxSize": "1Mi"}, nil},
		"unknown":    {"app", map[string]string{"cri-logshim.io/what": ""}, map[string]string{"cri-logshim.io/what": ""}},
	} {
		t.Run(name, func(t *testing.T) {
			before := maps.Clone(test.has)
			if diff := cmp.Diff(test.want, logmgr.AnnotationsFor(test.container, test.has)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if !maps.Equal(before, test.has) {
				t.Error("the pod's own annotations are changed")
			}
		})
	}
}

// TestAnnotationsAreBounded: no pod makes the manager remember more than a few
// KiB, and a value that is too long stays too long.
func TestAnnotationsAreBounded(t *testing.T) {
	all := map[string]string{"cri-logshim.io/a": "first", "cri-logshim.io/b": strings.Repeat("x", 100_000)}
	for i := range 1000 {
		all[fmt.Sprintf("cri-logshim.io/c%d", i)] = strings.Repeat("y", 50)
	}
	kept := logmgr.AnnotationsFor("app", all)
	size := 0
	for key, value := range kept {
		size += len(key) + len(value)
		if !strings.HasPrefix(all[key], value) {
			t.Errorf("%s is %q", key, value)
		}
	}
	if size > 4<<10 || len(kept) < 20 {
		t.Errorf("%d annotations in %d bytes are kept", len(kept), size)
	}
	if kept["cri-logshim.io/a"] != "first" || len(kept["cri-logshim.io/b"]) <= 64 {
		t.Errorf("the first are %q and %q", kept["cri-logshim.io/a"], kept["cri-logshim.io/b"])
	}
}

// TestLabelsAreBounded: a pod may have labels without end; most of them are not kept.
func TestLabelsAreBounded(t *testing.T) {
	has := map[string]string{}
	for n := range 5000 {
		has[fmt.Sprintf("label-%04d", n)] = strings.Repeat("x", 63)
	}
	size := 0
	for key, value := range logmgr.LabelsOf(has) {
		size += len(key) + len(value)
	}
	if size > 16<<10 || size < 15<<10 {
		t.Errorf("%d bytes are kept", size)
	}
}

// TestLabelsOf: kubelet's own labels only repeat what is known.
func TestLabelsOf(t *testing.T) {
	has := map[string]string{"io.kubernetes.pod.name": "web-1", "io.kubernetes.pod.uid": "1", "app": "web", "io.kubernetes.podx": "y"}
	if diff := cmp.Diff(map[string]string{"app": "web", "io.kubernetes.podx": "y"}, logmgr.LabelsOf(has)); diff != "" || len(has) != 4 {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := logmgr.LabelsOf(map[string]string{"io.kubernetes.pod.name": "web-1"}); got != nil {
		t.Errorf("of nothing else there is %v", got)
	}
}
