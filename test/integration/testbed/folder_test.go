package testbed

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// What a killed run has left goes; nothing of a live one may, nor of one that cannot be seen.
func TestSweepAbandoned(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	own, err := lifeOf(strconv.Itoa(os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	ended := exec.Command("true")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	_, born, _ := strings.Cut(own, " ")
	gone := strconv.Itoa(ended.Process.Pid)
	for name, c := range map[string]struct {
		maker string
		swept bool
	}{
		"a live maker":                  {own, false},
		"an ended maker":                {gone + " " + born, true},
		"another process of the number": {own + "0", true},
		"a maker of another namespace":  {gone + " pid:[1] 1", false},
		"a folder that is being made":   {"", false},
		"a folder that is no process's": {"nobody", false},
	} {
		dir, err := NewFolder("")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(makerFile(dir), []byte(c.maker), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := SweepAbandoned(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(dir); (err != nil) != c.swept {
			t.Errorf("%s: swept is %t: %v", name, err != nil, err)
		}
	}
	foreign := filepath.Join(os.TempDir(), folderPrefix+"of-somebody-else")
	if err := os.Mkdir(foreign, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := SweepAbandoned(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(foreign); err != nil {
		t.Errorf("a folder without a mark is swept: %v", err)
	}
}
