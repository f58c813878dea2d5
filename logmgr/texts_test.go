package logmgr

import (
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// Labels are foreign text: whatever is in them comes out again.
func TestTexts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := rapid.MapOf(rapid.StringN(0, 300, -1), rapid.StringN(0, 300, -1)).Draw(t, "m")
		if got := pack(m).unpack(); !cmp.Equal(m, got, cmpopts.EquateEmpty()) {
			t.Errorf("%q, want %q", got, m)
		}
	})
}

// What is found in a path is kept there, and nothing is made of what is not.
func TestPartOf(t *testing.T) {
	path := "/var/log/pods/ns_pod_uid/app/0.log"
	for _, s := range []string{"ns", "pod", "uid", "app", "ns_pod_uid/app/0.log", "", "elsewhere"} {
		if got := partOf(path, s); got != s {
			t.Errorf("%q, want %q", got, s)
		}
	}
	own := string([]byte("uid"))
	if got := partOf(path, own); unsafe.StringData(got) == unsafe.StringData(own) {
		t.Error("a part of the path is kept twice")
	}
}
