package integration

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// ownComplaints are what kubelet says without a shim, too, but not each time: it loses
// races against itself and against whoever else is on the machine.
func ownComplaints() []string {
	return []string{
		// It asks for each file in a list of logs, and one has been compressed or removed since,
		// as its own rotation does it.
		`"Unable to fetch container log stats" err="failed to get fsstats for \"PATH\": no such file or directory"`,
		// Two of its goroutines remove the same container.
		`"ContainerStatus from runtime service failed" err="rpc error: code = NotFound`,
		// It connects twice to begin with and gives one of the two up.
		`"Version from runtime service failed" err="rpc error: code = Canceled`,
		// It looks through its manifests now and then, just when one is removed.
		`"Could not get metadata" err="stat PATH no such file or directory"`,
		`"Unable to process watch event" err="the pod with key defaultPATH doesn't exist in cache"`,
	}
}

// ofGoneCgroup says whether a complaint is of a control group of any pod on the machine that is
// gone before kubelet has read or watched it.
func ofGoneCgroup(line string) bool {
	gone := strings.Contains(line, "no such file or directory") || strings.Contains(line, "no such device")
	return gone && strings.Contains(line, "/sys/fs/cgroup/")
}

// checkSameComplaints compares what the two kubelets have logged as warnings and errors:
// with a shim there is no kind that is not there without one.
func checkSameComplaints(t *testing.T, direct, through *kubeletNode) {
	t.Helper()
	without, with := complaints(t, direct.kubelet), complaints(t, through.kubelet)
	for _, kind := range slices.Sorted(maps.Keys(with)) {
		own := ofGoneCgroup(with[kind]) || slices.ContainsFunc(ownComplaints(), func(text string) bool { return strings.Contains(kind, text) })
		if without[kind] == "" && !own {
			t.Errorf("kubelet complains only with a shim: %s", with[kind])
		}
	}
	t.Logf("%d kinds of complaints with a shim, %d without", len(with), len(without))
}

// complaints are the lines of kubelet's own log that are warnings or errors, an example of
// each kind. A kind is where in the source a line comes from and what it says without ids,
// names, numbers and times.
func complaints(t *testing.T, kubelet *testbed.Kubelet) map[string]string {
	t.Helper()
	content, err := os.ReadFile(kubelet.LogFile())
	if err != nil {
		t.Fatal(err)
	}
	header := regexp.MustCompile(`^[EWF]\d{4} [\d:.]+ +\d+ ([^ ]+)\] (.*)`)
	found := map[string]string{}
	for line := range strings.Lines(string(content)) {
		if parts := header.FindStringSubmatch(line); parts != nil {
			found[fmt.Sprintf("%s %s", parts[1], kindOf(parts[2]))] = strings.TrimSpace(line)
		}
	}
	return found
}

// kindOf blots out what differs between two lines that say the same.
func kindOf(text string) string {
	for _, blot := range []struct{ what, by string }{
		{`/[^ "\\]+`, "PATH"},
		{`\b(pod|pods|podUID|podUIDs|podSandboxID|containerName|containerID|startedPod)=("[^"]*"|\[[^]]*\])`, "$1=X"},
		{`\b[0-9a-f]{12,}\b`, "ID"},
		{`\d+`, "N"},
	} {
		text = regexp.MustCompile(blot.what).ReplaceAllString(text, blot.by)
	}
	return text
}
