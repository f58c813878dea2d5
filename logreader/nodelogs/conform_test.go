package nodelogs_test

import (
	"testing"

	"github.com/cri-logshim/cri-logshim/logreader/nodelogs/nodelogstest"
)

// The stand-in of the tests does what the real ones do.
func TestConform(t *testing.T) {
	dir := t.TempDir()
	nodelogstest.Conform(t, serve(t, nodelogstest.Kubelet(dir)), dir)
}
