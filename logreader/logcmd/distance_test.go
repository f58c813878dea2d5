package logcmd_test

import (
	"testing"

	"github.com/cri-logshim/cri-logshim/logreader/logcmd"
)

func TestDistance(t *testing.T) {
	for pair, want := range map[[2]string]int{
		{"", ""}: 0, {"a", ""}: 1, {"", "ab"}: 2, {"listen", "lisen"}: 1, {"kitten", "sitting"}: 3, {"tial", "tail"}: 2,
	} {
		if got := logcmd.Distance(pair[0], pair[1]); got != want {
			t.Errorf("%q: %d, want %d", pair, got, want)
		}
	}
}
