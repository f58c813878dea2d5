package logfile

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Birth tells when the file name was made, if it is the file want (else ErrChanged). On
// a file system that does not keep that time it returns an error that wraps
// errors.ErrUnsupported.
func (d *Dir) Birth(name string, want ID) (time.Time, error) {
	fd, err := d.dir.acquire()
	if err != nil {
		return time.Time{}, d.failed("stat", name, err)
	}
	defer d.dir.release()
	if err := checkName(name); err != nil {
		return time.Time{}, d.failed("stat", name, err)
	}
	var st unix.Statx_t
	err = ignoringEINTR(func() error {
		return unix.Statx(fd, name, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_INO|unix.STATX_BTIME, &st)
	})
	switch {
	case err != nil:
		return time.Time{}, d.failed("stat", name, err)
	case st.Ino != want.Ino || unix.Mkdev(st.Dev_major, st.Dev_minor) != want.Dev:
		return time.Time{}, d.failed("stat", name, ErrChanged)
	case st.Mask&unix.STATX_BTIME == 0:
		return time.Time{}, d.failed("stat", name, fmt.Errorf("time of birth: %w", errors.ErrUnsupported))
	}
	return time.Unix(st.Btime.Sec, int64(st.Btime.Nsec)), nil
}
