package disk_test

import (
	"os"
	"testing"
)

// Who empties a log to win space has not ended it: what comes after that is shown, and that something
// was lost is told.
func TestFollowTruncated(t *testing.T) {
	n := newNode(t)
	live := n.pods + "/" + dirOf(web())
	log := n.write(live+"/0.log", n.lines(10))
	appended := func(count int) {
		f, err := os.OpenFile(log, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Error(err)
			return
		}
		if _, err := f.WriteString(n.lines(count)); err != nil {
			t.Error(err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	o := options()
	o.Follow = true
	idle := 0
	o.Idle = func() error {
		switch idle++; idle {
		case 3:
			if err := os.Truncate(log, 0); err != nil {
				return err
			}
			appended(2)
		case 6:
			appended(3)
		case 9:
			return os.RemoveAll(live)
		}
		return nil
	}
	n.expect(n.read(o), 0, 15)
	if len(n.warned) != 1 {
		t.Errorf("told: %v", n.warned)
	}
}
