package integration

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// compareTold compares what an operator is shown of the pods that kubelet has run one way
// and the other, and what kubelet has warned of the node meanwhile.
func (n *kubectlNode) compareTold(t *testing.T, throughTheShim []string) {
	t.Helper()
	for _, pod := range podsOf("") {
		shim, without := n.described(t, throughShim, pod), n.described(t, bare, pod)
		if !slices.Equal(shim, without) {
			t.Errorf("kubectl describe shows through the shim\n%s\nand without it\n%s", strings.Join(shim, "\n"), strings.Join(without, "\n"))
		}
	}
	all := n.nodeWarnings(t)
	for _, warning := range throughTheShim {
		if at := slices.Index(all, warning); at >= 0 {
			all = slices.Delete(all, at, at+1)
		}
	}
	for _, warning := range throughTheShim {
		if !slices.Contains(all, warning) {
			t.Errorf("through the shim kubelet warns: %s\nwithout it: %q", warning, all)
		}
	}
}

// described is what "kubectl describe" shows of a pod, its events included, without what
// differs from pod to pod. Events of one moment have no order.
func (n *kubectlNode) described(t *testing.T, w way, pod testbed.StaticPod) []string {
	t.Helper()
	shown := n.kubectl(t, "describe pod "+string(w)+pod.Name)
	for pattern, same := range map[string]string{
		string(w):                   "", // in its name
		`containerd://[0-9a-f]{64}`: "containerd://<id>",
		`\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d \+0000`: "<time>",
		`\d+m?\d*s( \(x\d+ over \d+m?\d*s\))?`:          "<age>",
		` +`:                                            " ",
	} {
		shown = regexp.MustCompile(pattern).ReplaceAllString(shown, same)
	}
	if !strings.Contains(shown, "Started <age> kubelet") {
		t.Errorf("pod %q%q has no event: %s", w, pod.Name, shown)
	}
	return slices.Sorted(strings.Lines(shown))
}

// nodeWarnings are what kubelet has warned of its node, each as often as it has started.
func (n *kubectlNode) nodeWarnings(t *testing.T) []string {
	t.Helper()
	events, err := n.Events(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var warnings []string
	for _, e := range events {
		if e.InvolvedObject.Kind == "Node" && e.Type != "Normal" {
			warnings = append(warnings, fmt.Sprintf("%s: %s", e.Reason, e.Message))
		}
	}
	return warnings
}
