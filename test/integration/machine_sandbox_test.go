package integration

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// Within what its unit allows, all of the work on logs is done and nothing fails: files are
// compressed, by a thread that gives way on the disk, kept by hard links, and opened to a
// group; what others have open is seen and left as it is. The daemon has the priority that
// its unit gives it, also among sessions.
func TestWorkWithinTheUnit(t *testing.T) {
	m := newMachine(t, testbed.MachineOptions{Enabled: map[string]string{testbed.ContainerdUnit: "multi-user.target"}})
	// Whoever made this machine may not raise the limit of niceness, nor can systemd then.
	// The capability makes up for it.
	dropIn(t, m, "[Service]\nCapabilityBoundingSet=CAP_SYS_NICE\n")
	configure(t, m, `
rotation: {maxSize: 1Mi, maxFiles: 100, maxFilesUnread: 200, compressAfter: 1s, keepAfterRemoval: 1h}
files: {group: adm, mode: "0644"}
node: {minFree: "", minFreeInodes: ""}
`)
	start(t, m, testbed.ShimSocket, testbed.ShimUnit)
	checkPriority(t, m)

	client := dialMachine(t, m)
	run := func(name string) *testbed.Container {
		return runWriter(t, client, m.PodConfig("default", name), "-stream=both", "-rate=2000000", "-count=60000", "-stay")
	}
	plain, read, written := run("plain"), run("read"), run("written")
	for _, c := range []*testbed.Container{read, written} {
		eventually(t, func(context.Context) error { return largerThan(c.LogPath(), 16<<10) })
	}
	unread, _ := hold(t, m, "exec 3<"+insideOf(t, m, read)+"; head -c 8192 <&3 >/dev/null")
	beingWritten, release := hold(t, m, "exec 3>>"+insideOf(t, m, written))

	eventually(t, func(ctx context.Context) error { return givesWay(ctx, m) })
	eventually(t, func(context.Context) error { return compressed(plain.LogPath(), 0) })
	eventually(t, func(context.Context) error { return compressed(written.LogPath(), beingWritten) })
	first, err := nameOf(read.LogPath(), unread)
	if err != nil {
		t.Error(err)
	}
	for _, name := range rotatedNames(t, read.LogPath()) {
		if name >= first && strings.HasSuffix(name, ".gz") {
			t.Errorf("%s is compressed, and somebody has not read it", name)
		}
	}
	metricsOf := func(want bool, name string, labels ...string) {
		if value, err := m.Metric(t.Context(), name, labels...); err != nil || (value > 0) != want {
			t.Errorf("%s%q is %v, %v", name, labels, value, err)
		}
	}
	metricsOf(true, "cri_logshim_reader_lag_bytes", `reader="sleep"`)
	release()
	eventually(t, func(context.Context) error { return compressed(written.LogPath(), 0) })
	metricsOf(false, "cri_logshim_failures_total")
	checkFiles(t, m, plain)
}

// What the work does not need, the unit does not let anybody do in the daemon's name: all
// of it is allowed to any other process of root. What it needs of Docker is allowed, also
// where Docker's files belong to another user.
func TestNothingElseWithinTheUnit(t *testing.T) {
	m := newMachine(t, testbed.MachineOptions{Enabled: map[string]string{testbed.ContainerdUnit: "multi-user.target"}})
	furnishDocker(t, m)
	needed := []string{"connect to Docker Engine", "read what Docker keeps"}
	free, confined, err := m.Probe(t.Context(), programs, testbed.ShimUnit)
	if err != nil {
		t.Fatal(err)
	}
	if len(free) == 0 || len(confined) != len(free) {
		t.Errorf("%d attempts, and %d within the unit", len(free), len(confined))
	}
	for name, outcome := range free {
		if outcome != "allowed" {
			t.Errorf("%s: %s, also outside of the unit", name, outcome)
		}
		if within := confined[name]; (within == "allowed") != slices.Contains(needed, name) || within == "" {
			t.Errorf("%s: %q within the unit", name, within)
		}
	}
}

// furnishDocker puts into a machine what is there of Docker: a socket at which systemd
// listens for it, and the folder of a container whose users are mapped to others.
func furnishDocker(t *testing.T, m *testbed.Machine) {
	t.Helper()
	for path, text := range map[string]string{
		"/etc/systemd/system/docker.socket":            "[Socket]\nListenStream=/run/docker.sock\nSocketMode=0660\nSocketGroup=adm\n",
		"/etc/systemd/system/docker.service":           "[Service]\nExecStart=/bin/sleep infinity\n",
		"/var/lib/docker/containers/c/hostconfig.json": "{}",
		"/var/lib/docker/containers/c/c-json.log":      "",
	} {
		if err := m.WriteFile(path, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	const furnish = "chown -R 100000:100000 /var/lib/docker && chmod -R u=rwX,go= /var/lib/docker && systemctl daemon-reload && systemctl start docker.socket"
	if _, err := m.Run(t.Context(), "sh", "-c", furnish); err != nil {
		t.Fatal(err)
	}
}

// checkPriority compares the daemon's niceness with the unit's.
func checkPriority(t *testing.T, m *testbed.Machine) {
	t.Helper()
	proc := procOf(t, m)
	stat, err := os.ReadFile(filepath.Join(proc, "stat"))
	if err != nil {
		t.Fatal(err)
	}
	const afterName = 16 // fields, see proc(5)
	_, fields, _ := strings.Cut(string(stat), ") ")
	if nice := strings.Fields(fields)[afterName]; nice != "-10" {
		t.Errorf("the niceness is %s", nice)
	}
	group, err := os.ReadFile(filepath.Join(proc, "autogroup"))
	if errors.Is(err, fs.ErrNotExist) {
		return // this kernel does not group by session
	}
	if err != nil || !strings.HasSuffix(string(group), " nice -10\n") {
		t.Errorf("the session: %q, %v", group, err)
	}
}

// checkFiles looks at what a log's files are like, and at their second names.
func checkFiles(t *testing.T, m *testbed.Machine, c *testbed.Container) {
	t.Helper()
	dir := filepath.Dir(c.LogPath())
	pod, err := filepath.Rel(m.Root("/var/log/pods"), dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(rotatedNames(t, c.LogPath()), filepath.Base(c.LogPath())) {
		const adm = 4
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if gid := info.Sys().(*syscall.Stat_t).Gid; gid != adm || info.Mode() != 0o644 {
			t.Errorf("%s has group %d and mode %v", name, gid, info.Mode())
		}
		kept, err := os.Stat(filepath.Join(m.Root("/var/log/cri-logshim/kept"), pod, name))
		if err != nil || !os.SameFile(info, kept) {
			t.Errorf("%s has no second name: %v", name, err)
		}
	}
}

// givesWay is nil when a thread of the daemon has the lowest I/O priority.
func givesWay(ctx context.Context, m *testbed.Machine) error {
	pid, err := m.MainPID(ctx, testbed.ShimUnit)
	if err != nil {
		return err
	}
	threads, err := os.ReadDir(m.Root(fmt.Sprintf("/proc/%d/task", pid)))
	if err != nil {
		return err
	}
	ionice := []string{"ionice", "-p"}
	for _, thread := range threads {
		ionice = append(ionice, thread.Name())
	}
	said, err := m.Run(ctx, ionice...)
	if err == nil && !slices.Contains(strings.Fields(said), "idle") {
		err = fmt.Errorf("I/O priorities of the threads: %q", strings.Fields(said))
	}
	return err
}

// compressed is nil when all rotated files of a log are, but the newest and the one whose
// inode is given, and that is not.
func compressed(log string, but uint64) error {
	entries, err := os.ReadDir(filepath.Dir(log))
	if err != nil {
		return err
	}
	var plain, packed int
	for _, e := range entries[1:] { // the first is the current one
		info, err := e.Info()
		switch {
		case err != nil:
			return err
		case strings.HasSuffix(e.Name(), ".gz"):
			packed++
		case info.Sys().(*syscall.Stat_t).Ino != but:
			plain++
		}
	}
	if plain != 1 || packed < 5 {
		return fmt.Errorf("%d other rotated files of %s are plain, and %d compressed", plain, log, packed)
	}
	if but != 0 {
		_, err = nameOf(log, but)
	}
	return err
}

// nameOf finds the plain rotated file with an inode.
func nameOf(log string, want uint64) (string, error) {
	entries, err := os.ReadDir(filepath.Dir(log))
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && info.Sys().(*syscall.Stat_t).Ino == want && e.Name() != filepath.Base(log) {
			return e.Name(), nil
		}
	}
	return "", fmt.Errorf("no rotated file of %s has inode %d", log, want)
}

// hold runs a shell in the machine that opens a file as descriptor 3, tells its inode, and
// then sleeps; release ends it.
func hold(t *testing.T, m *testbed.Machine, opening string) (held uint64, release func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := m.Command(ctx, "sh", "-e", "-c", opening+"; stat -L -c %i /proc/self/fd/3; exec sleep 1000")
	said, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	release = func() {
		cancel()
		_ = cmd.Wait() // it was killed
	}
	t.Cleanup(release)
	if _, err := fmt.Fscanln(said, &held); err != nil {
		t.Fatalf("%s: %v", opening, err)
	}
	return held, release
}

// insideOf is the path of a log as the machine knows it.
func insideOf(t *testing.T, m *testbed.Machine, c *testbed.Container) string {
	t.Helper()
	path, err := filepath.Rel(m.Root("/"), c.LogPath())
	if err != nil {
		t.Fatal(err)
	}
	return "/" + path
}

// procOf is the folder of the daemon's process below /proc, seen from outside.
func procOf(t *testing.T, m *testbed.Machine) string {
	t.Helper()
	pid, err := m.MainPID(t.Context(), testbed.ShimUnit)
	if err != nil {
		t.Fatal(err)
	}
	return m.Root("/proc/" + strconv.Itoa(pid))
}

// dropIn adds settings to the shim's unit.
func dropIn(t *testing.T, m *testbed.Machine, text string) {
	t.Helper()
	if err := m.DropIn(t.Context(), testbed.ShimUnit, text); err != nil {
		t.Fatal(err)
	}
}

func configure(t *testing.T, m *testbed.Machine, text string) {
	t.Helper()
	if err := m.Configure(text); err != nil {
		t.Fatal(err)
	}
}

func start(t *testing.T, m *testbed.Machine, units ...string) {
	t.Helper()
	if err := m.Start(t.Context(), units...); err != nil {
		t.Fatal(err)
	}
}

func largerThan(name string, size int64) error {
	info, err := os.Stat(name)
	if err == nil && info.Size() <= size {
		err = fmt.Errorf("%s has %d bytes", name, info.Size())
	}
	return err
}
