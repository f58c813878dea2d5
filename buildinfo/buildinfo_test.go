package buildinfo_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/cri-logshim/cri-logshim/buildinfo"
)

// What the linker was told goes before what the toolchain knows; people get all of it, a line each.
func TestRead(t *testing.T) {
	told := buildinfo.Read("v1.2.3")
	if told.Version != "v1.2.3" || told.Commit == "" || told.Go != runtime.Version() || told.Platform != runtime.GOOS+"/"+runtime.GOARCH {
		t.Errorf("%+v", told)
	}
	if known := buildinfo.Read(""); known.Version == "v1.2.3" {
		t.Errorf("without a word of the linker it is %+v", known)
	}
	var b strings.Builder
	if err := told.Print(&b, "program"); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Split(b.String(), "\n"); lines[0] != "program v1.2.3" || len(lines) != 5 || lines[3] != "platform: "+told.Platform {
		t.Errorf("printed %q", b.String())
	}
}
