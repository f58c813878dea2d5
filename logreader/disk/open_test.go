package disk_test

import (
	"errors"
	"io/fs"
	"os"
	"sync"
	"testing"
)

// A file whose name is given to another one just while it is opened is one that is not there by
// that name, to be looked for by its new one, and no damaged one that is passed over.
func TestOpenWhileRotated(t *testing.T) {
	n := newNode(t)
	current := n.write(n.pods+"/"+dirOf(web())+"/0.log", n.lines(1))
	d := n.open()
	done := make(chan struct{})
	var rotating sync.WaitGroup
	rotating.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			err := os.WriteFile(n.kept+"/new", nil, 0o640)
			if err == nil {
				err = os.Rename(n.kept+"/new", current)
			}
			if err != nil {
				t.Error(err)
				return
			}
		}
	})
	defer rotating.Wait()
	defer close(done)
	opened, missed := 0, 0
	for opened+missed < 5_000 {
		listing, err := d.Files(t.Context(), web())
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range listing.Files {
			handle, err := d.Open(t.Context(), web(), f)
			switch {
			case errors.Is(err, fs.ErrNotExist):
				missed++
				continue
			case err != nil:
				t.Fatalf("after %d that were opened and %d that had gone: %v", opened, missed, err)
			}
			opened++
			if err := handle.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}
