package main

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
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
	for _, test := range []struct {
		nice    string
		session bool
		want    string
	}{
		{"-5", true, "nice -5\n"},
		{"0", true, "nice 0\n"},
		{"-5", false, "nice 0\n"},
	} {
		// Without a session of its own it has that of a shell which we start, and not ours.
		args := []string{"nice", "-n", test.nice, os.Args[0], "-test.run=^TestGroupPriority$", "-test.v"}
		if !test.session {
			args = append([]string{"sh", "-c", `"$@"; exit $?`, "sh"}, args...)
		}
		cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		cmd.Env = append(os.Environ(), priorityCommand+"=1")
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), test.want) {
			t.Errorf("niceness %s, session %v: %v, %s, want %q", test.nice, test.session, err, out, test.want)
		}
	}
}
