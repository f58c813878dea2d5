package kept

import (
	"errors"
	"io/fs"
	"os"
	"testing"
)

// TestInventoryWhileDirectoriesGo: a directory that goes while it is looked at or swept, as an empty
// one does in a sweep or that of a pod by kubelet, has no files, and is no failure.
func TestInventoryWhileDirectoriesGo(t *testing.T) {
	b := newBed(t, t.TempDir())
	over, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		var errs []error
		for {
			select {
			case <-over:
				ended <- errors.Join(errs...)
				return
			default:
			}
			for _, dir := range []string{b.kept(""), b.live("")} {
				errs = append(errs, ignoreMissing(os.MkdirAll(dir, 0o700))) // a sweep removes its parents
			}
			for _, dir := range []string{b.kept(""), b.live("")} {
				if err := os.Remove(dir); !errors.Is(err, fs.ErrNotExist) {
					errs = append(errs, err)
				}
			}
		}
	}()
	for range 5000 {
		if files, err := b.store.Inventory(); err != nil || len(files) > 0 {
			t.Errorf("found %v, %v", files, err)
			break
		}
		if swept, err := b.store.Sweep(); err != nil || len(swept.Only) > 0 {
			t.Errorf("swept %v, %v", swept, err)
			break
		}
	}
	close(over)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
