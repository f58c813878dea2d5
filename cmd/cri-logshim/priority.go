package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// autogroupFile is where a session's share of the processor is set (sched(7)).
const autogroupFile = "/proc/self/autogroup"

// groupPriority makes the niceness of the process that of its session. A kernel that
// groups tasks by session compares niceness only within each group, in which a service
// is alone: its own would count for nothing. Without a priority above the ordinary, or
// in a session of somebody else, nothing is done.
func groupPriority() error {
	raw, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	if err != nil {
		return fmt.Errorf("read the niceness: %w", err)
	}
	session, err := unix.Getsid(0)
	if err != nil {
		return fmt.Errorf("read the session: %w", err)
	}
	nice := 20 - raw // the system call itself knows no negative result
	if nice >= 0 || session != os.Getpid() {
		return nil
	}
	err = os.WriteFile(autogroupFile, []byte(strconv.Itoa(nice)), 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // this kernel does not group by session
	}
	if err != nil {
		return fmt.Errorf("set the niceness of the session to %d: %w", nice, err)
	}
	return nil
}
