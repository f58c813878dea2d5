package install

import (
	"strings"
	"testing"
)

// As long as a bypass leads kubelet's link past cri-logshim, kubelet is left as it is, also
// where all is installed already, and it is said what ends the bypass.
func TestBypassed(t *testing.T) {
	n, _ := newNode(t, "kubeadm.txtar")
	ctx := t.Context()
	for _, ends := range []string{"cri-logshim bypass off --force ends it", "cri-logshim bypass off ends it"} {
		before, invocation := n.files(), n.invocation
		n.bypassed = true
		n.lead()
		err := n.installer(Options{RestartKubelet: true}).Install(ctx)
		if err == nil || !strings.Contains(err.Error(), ends) {
			t.Errorf("it does not say %q: %v", ends, err)
		}
		n.same("after the refusal", before)
		if n.invocation != invocation {
			t.Error("kubelet was restarted")
		}
		n.bypassed = false
		n.lead()
		if err := n.installer(Options{RestartKubelet: true}).Install(ctx); err != nil {
			t.Fatal(err)
		}
	}
}
