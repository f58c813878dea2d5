package logfile

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Space is how much a file system holds and how much of it is free.
type Space struct {
	Bytes, FreeBytes int64 // free is what users other than root may still take
	// Inodes is 0 where there is no limit on their number.
	Inodes, FreeInodes int64
}

// Space tells about the file system that the root lies on.
func (r *Root) Space() (Space, error) {
	var st unix.Statfs_t
	if err := ignoringEINTR(func() error { return unix.Statfs(r.path, &st) }); err != nil {
		return Space{}, fmt.Errorf("ask for free space in %q: %w", r.path, err)
	}
	unit := int64(st.Frsize) //nolint:unconvert // 32 bits wide on some machines
	return Space{
		Bytes: int64(st.Blocks) * unit, FreeBytes: int64(st.Bavail) * unit,
		Inodes: int64(st.Files), FreeInodes: int64(st.Ffree),
	}, nil
}
