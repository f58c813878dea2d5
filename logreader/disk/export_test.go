package disk

import (
	"os"

	"golang.org/x/sys/unix"

	"github.com/cri-logshim/cri-logshim/logreader"
)

// IsSettled asks whether somebody has a file open for writing.
func IsSettled(f *os.File) (bool, error) { return handle{f}.Settled() }

// Identify identifies a file, with a statx that fails with an error, if it is not nil.
func Identify(f *os.File, failure error) (logreader.ID, error) {
	if failure == nil {
		return identify(f, unix.Statx)
	}
	return identify(f, func(int, string, int, int, *unix.Statx_t) error { return failure })
}
