package logfile

import (
	"errors"
	"io/fs"
	"os"
	"testing"
)

func TestSetAccess(t *testing.T) {
	needsRoot(t)
	p := newPlace(t)
	for name, c := range map[string]struct {
		set   Access
		group uint32
		mode  fs.FileMode
	}{
		"nothing":   {Access{Group: -1}, 0, 0o640},
		"group":     {Access{Group: 1234}, 1234, 0o640},
		"root":      {Access{Group: 0}, 0, 0o640},
		"mode":      {Access{Group: -1, Mode: 0o444}, 0, 0o444},
		"both":      {Access{Group: 1234, Mode: 0o660}, 1234, 0o660},
		"bits":      {Access{Group: -1, Mode: fs.ModeSetuid | 0o644}, 0, 0o644},
		"directory": {Access{Group: -1, Mode: fs.ModeDir}, 0, 0o640},
	} {
		t.Run(name, func(t *testing.T) {
			p.write("0.log", lines(0, 1))
			before := p.stat("0.log")
			for range 2 { // the second time nothing is left to do
				if err := p.SetAccess("0.log", before.ID, c.set); err != nil {
					t.Fatal(err)
				}
				if got := p.stat("0.log"); got.GID != c.group || got.Mode != c.mode || got.UID != before.UID {
					t.Errorf("owner %d:%d, mode %v; want group %d, mode %v", got.UID, got.GID, got.Mode, c.group, c.mode)
				}
			}
			if err := os.Remove(p.file("0.log")); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestSetAccessOpensNoOtherFile: a file that has come in the log's place is not
// opened to more readers.
func TestSetAccessOpensNoOtherFile(t *testing.T) {
	p := newPlace(t)
	p.write("0.log", lines(0, 1))
	if err := p.SetAccess("0.log", ID{Dev: 1, Ino: 1}, Access{Group: 1234, Mode: 0o666}); !errors.Is(err, ErrChanged) {
		t.Errorf("another file: %v; want ErrChanged", err)
	}
	if got := p.stat("0.log"); got.GID == 1234 || got.Mode != 0o640 {
		t.Errorf("another file now has group %d and mode %v", got.GID, got.Mode)
	}
}
