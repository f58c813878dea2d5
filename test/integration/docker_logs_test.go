package integration

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// A container of Docker's is followed by the command logs while Docker rotates and compresses its
// files and while it is restarted, and shown as a whole and in part after that: each time every
// line, once and in order.
func TestLogsCommandOnDocker(t *testing.T) {
	t.Parallel()
	dockershim := newDockershim(t, testbed.DockershimOptions{
		Docker: testbed.DockerOptions{LogOptions: map[string]string{"max-size": "300k", "max-file": "100", "compress": "true"}},
	})
	shim, client := newShim(t, dockershim, nil)
	pod := dockershim.PodConfig("default", "read")
	writes := []string{"-stream=both", "-rate=1500000", "-duration=3s", "-stay"}
	first := runWaiting(t, client, pod, writes...)
	following := make(chan counts, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	go func() { following <- runLogs(ctx, shim, "default/read/app", "-f") }()
	restarted, err := first.Pod.Create(t.Context(), testbed.ContainerConfig("app", 1, append([]string{"seqwriter"}, writes...)...))
	if err != nil {
		t.Fatal(err)
	}
	tell(t, client, first, "/begin")
	files := 0
	for _, c := range []*testbed.Container{first, restarted} {
		if c == restarted {
			if err := c.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		files += becomesComplete(t, c, bothStreams).Files
		if err := c.Stop(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
	}
	if files < 20 {
		t.Errorf("docker has rotated into %d files", files)
	}
	runLogs(ctx, shim, "read").complete(t, 2)
	showsParts(t, shim, "default/read/app")
	if err := os.RemoveAll(pod.LogDirectory); err != nil { // as kubelet does
		t.Fatal(err)
	}
	(<-following).complete(t, 2)
}

// showsParts compares what the command logs shows of a log in part with what it shows of it all.
func showsParts(t *testing.T, shim *testbed.Shim, name string) {
	t.Helper()
	all := shown(t, shim, name)
	third := len(all) / 3
	timeOf := func(line string) string {
		stamp, _, _ := strings.Cut(line, " ")
		return stamp
	}
	from, to := timeOf(all[third]), timeOf(all[2*third])
	inside := slices.DeleteFunc(slices.Clone(all), func(line string) bool {
		at := parsed(t, timeOf(line))
		return at.Before(parsed(t, from)) || at.After(parsed(t, to))
	})
	for _, part := range []struct {
		flags []string
		want  []string
	}{
		{[]string{"--tail", "10"}, all[len(all)-10:]},
		{[]string{"--tail", "7000"}, all[len(all)-7000:]},
		{[]string{"--since", from, "--until", to}, inside},
		{[]string{"--since-time", from, "--tail", "3"}, all[len(all)-3:]},
	} {
		if got := shown(t, shim, append([]string{name}, part.flags...)...); !slices.Equal(got, part.want) {
			t.Errorf("%q: %d lines instead of %d, the first %.80q, the last %.80q", part.flags, len(got), len(part.want), got[:min(1, len(got))], got[max(0, len(got)-1):])
		}
	}
}

func parsed(t *testing.T, stamp string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, stamp)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// shown are the lines that the command logs shows, with their times.
func shown(t *testing.T, shim *testbed.Shim, args ...string) []string {
	t.Helper()
	args = append([]string{"logs", "--timestamps", "--pod-logs-dir", shim.Config.PodLogsDir, "--keep-dir", shim.Config.KeepDir}, args...)
	cmd := exec.CommandContext(t.Context(), programs.Shim, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%q: %v", args, err)
	}
	return slices.Collect(strings.Lines(string(out)))
}
