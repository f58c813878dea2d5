package main

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// priorityCommand makes this test binary set its session's priority and show it.
const priorityCommand = "CRI_LOGSHIM_TEST_PRIORITY"

// TestGroupPriority: the session of a service gets the niceness of the process; that of
// somebody else is left alone.
func TestGroupPriority(t *testing.T) {
	if os.Getenv(priorityCommand) != "" {
		if err := groupPriority(); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(autogroupFile)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("group: %s", text)
		return
	}
	if _, err := os.Stat(autogroupFile); err != nil || os.Geteuid() != 0 {
		t.Skip("the kernel does not group tasks by session, or we may not raise a priority")
	}
	raw, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	if err != nil {
		t.Fatal(err)
	}
	ours := 20 - raw // getpriority(2): the system call counts so, and nice(1) adds to what there is
	for _, test := range []struct {
		nice    int
		session bool
		want    string
	}{
		{-5, true, "nice -5\n"},
		{0, true, "nice 0\n"},
		{-5, false, "nice 0\n"},
	} {
		// Without a session of its own it has that of a shell which we start, and not ours.
		args := []string{"nice", "-n", strconv.Itoa(test.nice - ours), os.Args[0], "-test.run=^TestGroupPriority$", "-test.v"}
		if !test.session {
			args = append([]string{"sh", "-c", `"$@"; exit $?`, "sh"}, args...)
		}
		cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		cmd.Env = append(os.Environ(), priorityCommand+"=1")
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), test.want) {
			t.Errorf("niceness %d, session %v: %v, %s, want %q", test.nice, test.session, err, out, test.want)
		}
	}
}
