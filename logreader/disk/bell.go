package disk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
	"github.com/cri-logshim/cri-logshim/logreader"
)

const (
	// longest is the time after which it is looked whether there was a ring or not: a
	// directory may have been made anew, or events be lost.
	longest = time.Second
	// withoutWatch is that time where the kernel gives no watch, or where files are
	// elsewhere than in the directories that are watched.
	withoutWatch = 100 * time.Millisecond

	// mostWatched is how many bells of one Disk have an inotify instance: a user has 128 unless
	// the machine is set otherwise, and root's are kubelet's and the runtime's, too. What is
	// followed beyond that is looked at once in longest.
	mostWatched = 32

	events = unix.IN_MODIFY | unix.IN_CREATE | unix.IN_MOVED_FROM | unix.IN_MOVED_TO | unix.IN_DELETE | unix.IN_DELETE_SELF | unix.IN_CLOSE_WRITE
)

// bell is an inotify instance, which is read only by who waits: what happens in between is one
// event for the kernel, so a fast writer costs a fast reader nothing.
type bell struct {
	d       *Disk
	rel     string
	inotify *os.File // nil: the kernel has none left
	buf     []byte
	crowded bool // there are too many others

	armed  time.Time     // when the directories were last looked for
	within time.Duration // for how long a wait may be relied on
}

// Watch implements logreader.Source.
func (d *Disk) Watch(_ context.Context, c logreader.Container) (logreader.Bell, error) {
	rel, err := directory(c)
	if err != nil {
		return nil, err
	}
	b := &bell{d: d, rel: rel, buf: make([]byte, 16<<10)}
	if b.crowded = d.watched.Add(1) > mostWatched; !b.crowded {
		if fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK); err == nil {
			b.inotify = os.NewFile(uintptr(fd), "inotify")
		}
	}
	b.arm()
	return b, nil
}

// arm watches the container's directories as they are now. Of one that was made anew nothing
// would be heard, so it is done again from time to time.
func (b *bell) arm() {
	b.armed = time.Now()
	all := b.inotify != nil
	for _, root := range b.d.roots() {
		dir, err := root.Dir(b.rel)
		if err != nil {
			all = all && !errors.Is(err, logfile.ErrUnsafe)
			continue
		}
		if b.inotify != nil {
			_, err = unix.InotifyAddWatch(int(b.inotify.Fd()), dir.ProcPath(""), events)
		}
		if err := errors.Join(err, dir.Close()); err != nil {
			all = false
		}
	}
	b.within = longest
	if !b.crowded && (!all || b.hasLinks()) {
		b.within = withoutWatch
	}
}

// hasLinks tells whether logs are where links lead.
func (b *bell) hasLinks() bool {
	logs, err := scan(b.d.live, b.rel)
	if err != nil {
		return false
	}
	for _, log := range logs {
		if len(log.Unsafe) > 0 {
			return true
		}
	}
	return false
}

// Wait implements logreader.Bell.
func (b *bell) Wait(ctx context.Context) error {
	if time.Since(b.armed) > b.within {
		b.arm()
	}
	if b.inotify == nil {
		return logreader.Pause(ctx, b.within)
	}
	if err := b.inotify.SetReadDeadline(time.Now().Add(b.within)); err != nil {
		return fmt.Errorf("wait for an event of inotify: %w", err)
	}
	stop := context.AfterFunc(ctx, func() {
		_ = b.inotify.SetReadDeadline(time.Now()) // it wakes the read below, which then ends by ctx
	})
	defer stop()
	_, err := b.inotify.Read(b.buf)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil && !errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("wait for an event of inotify: %w", err)
	}
	return nil
}

// Close implements logreader.Bell.
func (b *bell) Close() error {
	b.d.watched.Add(-1)
	if b.inotify == nil {
		return nil
	}
	return b.inotify.Close()
}
