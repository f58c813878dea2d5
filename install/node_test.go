package install

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/systemd"
)

const containerd = "unix:///run/containerd/containerd.sock"

// node is a node whose files are real, and whose machine is made up: it runs a kubelet, which
// has the endpoint that its files named when it was started.
type node struct {
	t    *testing.T
	root string

	active, enabled map[string]bool
	invocation      int
	running         string // kubelet's endpoint
	rotation        string // and the size at which it rotates; empty: its default
	before, set     string // that of a kubelet that is left alone, and of one that is not
	calls           float64
	runtime         string // the name by which the runtime answers
	at, shim        string // where the runtime listens, and where kubelet is to find cri-logshim
	beside          string // where a containerd answers that kubelet does not use; empty: nowhere
	version         string // kubelet's
	unhealthy       bool   // kubelet is, however it is started
	refuses         bool   // kubelet is not healthy when it is started with our settings
	unreadable      bool   // kubelet's configuration, so that nobody can tell where it leads
	asked           func() // when the runtime is asked for its name
	failed          bool   // the service has, and was not stopped since
	inForce         string // the configuration that the service has taken
	out             bytes.Buffer

	steps int                                   // changes of files and of the machine so far
	fault func(step int, what string) (e error) // of a step; it may panic
}

// newNode returns the node of an archive, and what the archive wants to be changed on it.
func newNode(t *testing.T, archive string) (n *node, want string) {
	t.Helper()
	files, err := txtar.ParseFile(filepath.Join("testdata", "node", archive))
	if err != nil {
		t.Fatal(err)
	}
	n = &node{
		t: t, root: memoryDir(t), active: map[string]bool{}, enabled: map[string]bool{}, runtime: "containerd", version: "v1.36.3",
		at: containerd, shim: config.Default().KubeletEndpoint,
	}
	if archive == "crio.txtar" {
		n.runtime, n.at, n.shim = "cri-o", "unix:///var/run/crio/crio.sock", crioEndpoint
	}
	n.put("/var/lib/.keep", "", 0o600)
	n.put(systemdRuns+"/.keep", "", 0o600)
	for _, binary := range binaries() {
		n.put(binary, "", 0o755)
	}
	for _, f := range files.Files {
		if f.Name == "want" {
			want = strings.ReplaceAll(string(f.Data), "SHIM", n.shim)
			continue
		}
		n.put(f.Name, string(f.Data), 0o640)
	}
	n.active["kubelet.service"] = true
	n.startKubelet()
	n.before, n.set = n.rotation, aside
	if archive == "unit_flags.txtar" {
		n.set = n.before // there is no file to set it in
	}
	return n, want
}

// memoryDir is a folder in memory, where there is one: thousands of files are made durable
// here, which takes a disk long and cannot be looked at anyway.
func memoryDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "cri-logshim-") //nolint:usetesting // TempDir is on a disk.
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func (n *node) put(name, text string, mode fs.FileMode) {
	n.t.Helper()
	path := filepath.Join(n.root, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), mode)); err != nil {
		n.t.Fatal(err)
	}
}

// files are all files of the node that outlive a boot, with their modes and contents.
func (n *node) files() map[string]string {
	n.t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(n.root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == n.root {
			return err
		}
		if path == filepath.Join(n.root, "run") {
			return fs.SkipDir
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		text := ""
		if info.Mode().IsRegular() {
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text = string(content)
		}
		found[strings.TrimPrefix(path, n.root)] = info.Mode().String() + " " + text
		return nil
	})
	if err != nil {
		n.t.Fatal(err)
	}
	return found
}

// changed is what differs from files as they were among those that were there.
func (n *node) changed(before map[string]string) string {
	var text strings.Builder
	now := n.files()
	for _, path := range slices.Sorted(func(yield func(string) bool) {
		for path := range before {
			if !yield(path) {
				return
			}
		}
	}) {
		_, old, _ := strings.Cut(before[path], " ")
		_, changed, _ := strings.Cut(now[path], " ")
		text.WriteString(difference(path, &File{Text: []byte(old)}, &File{Text: []byte(changed)}))
	}
	return text.String()
}

func (n *node) installer(o Options) *Installer {
	o.Files, o.KubeletUnit = systemd.Files, "kubelet.service"
	if o.Wait == 0 {
		o.Wait = time.Minute
	}
	tree := NewTree(n.root)
	tree.step = n.step
	i := New(tree, n, o, &n.out)
	waited := time.Duration(0)
	i.sleep = func(ctx context.Context, d time.Duration) error {
		if waited += d; waited > o.Wait {
			waited = 0
			return context.DeadlineExceeded
		}
		return ctx.Err()
	}
	return i
}

// step takes place before each change, and holds what must be true at any moment: wherever
// kubelet's files lead, somebody answers, since kubelet may be started at any time.
func (n *node) step(what, path string) error {
	n.steps++
	if n.unreadable {
		return nil
	}
	if at := n.endpoint(); n.answers(at) != nil {
		n.t.Errorf("before step %d, %s %s, kubelet's files lead to %s, where nobody answers", n.steps, what, path, at)
	}
	if n.fault != nil {
		return n.fault(n.steps, what+" "+path)
	}
	return nil
}

// endpoint is where kubelet would find the runtime if it was started now.
func (n *node) endpoint() string {
	if at := withScheme(n.setting(kubeletEndpoint())); at != "" {
		return at
	}
	return dockershimEndpoint // kubelet's default up to 1.23
}

// setting is one of kubelet's, as it would have it if it was started now.
func (n *node) setting(s setting) string {
	tree := NewTree(n.root)
	k, err := tree.findKubelet(tree.Read, "kubelet.service", nil)
	if err != nil {
		n.t.Fatal(err)
	}
	at, err := k.where(s)
	if err != nil {
		n.t.Fatal(err)
	}
	return at.value
}

// configuration is what the file of cri-logshim's configuration holds.
func (n *node) configuration() string {
	n.t.Helper()
	text, err := os.ReadFile(filepath.Join(n.root, configPath))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		n.t.Fatal(err)
	}
	return string(text)
}

func (n *node) startKubelet() {
	n.invocation++
	n.running, n.rotation = n.endpoint(), n.setting(kubeletRotation())
}

// link is where kubelet's link lies.
func (n *node) link() string { return filepath.Join(n.root, strings.TrimPrefix(n.shim, unixScheme)) }

// bypass puts a bypass on, which "manual" or "automatic" has done.
func (n *node) bypass(by string) {
	n.t.Helper()
	n.put(bypassState, "by: "+by+"\nsince: 2026-01-02T03:04:05Z\nreason: a slow call\n", 0o600)
	n.leadTo(n.at)
}

// bypassOff takes it off again.
func (n *node) bypassOff() {
	n.t.Helper()
	n.gone(bypassState)
	n.leadTo(config.Default().Listen)
}

const bypassState = "run/cri-logshim/bypass.state"

// lead leads kubelet's link, as the service does when it serves. A bypass that it has put on
// itself ends by that.
func (n *node) lead() {
	n.t.Helper()
	text, err := os.ReadFile(filepath.Join(n.root, bypassState))
	switch {
	case err == nil && strings.HasPrefix(string(text), "by: manual"), strings.Contains(n.inForce, "\nmode: manage"), strings.Contains(n.inForce, "\nmode: observe"):
		n.leadTo(n.at)
		return
	case err == nil:
		n.gone(bypassState)
	}
	n.leadTo(config.Default().Listen)
}

func (n *node) leadTo(target string) {
	n.t.Helper()
	link := n.link()
	if err := os.Remove(link); err != nil && !errors.Is(err, fs.ErrNotExist) {
		n.t.Fatal(err)
	}
	if err := errors.Join(os.MkdirAll(filepath.Dir(link), 0o700), os.Symlink(strings.TrimPrefix(target, unixScheme), link)); err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) answers(endpoint string) error {
	switch endpoint {
	case n.at:
		return nil
	case n.shim:
		if target, err := os.Readlink(n.link()); n.active[service] || err == nil && unixScheme+target == n.at {
			return nil
		}
	}
	return fmt.Errorf("nobody answers at %s", endpoint)
}

// Systemctl implements Machine.
func (n *node) Systemctl(_ context.Context, args ...string) (string, error) {
	verb, units := args[0], slices.DeleteFunc(slices.Clone(args[1:]), func(arg string) bool { return strings.HasPrefix(arg, "--no-") })
	if verb == "show" {
		return n.show(strings.TrimPrefix(args[1], "--property="), args[3]), nil
	}
	if err := n.step(verb, strings.Join(units, " ")); err != nil {
		return "", err
	}
	for _, unit := range units {
		switch verb {
		case "enable", "disable":
			n.enabled[unit] = verb == "enable"
		case "start", "stop":
			n.active[unit] = verb == "start"
			if unit == service {
				n.failed = false
			}
			if unit == service && verb == "start" {
				n.inForce = n.configuration()
				n.lead()
			}
		case "reload":
			if !n.active[unit] {
				return "", fmt.Errorf("%s is not active", unit)
			}
			n.inForce = n.configuration()
			n.lead()
		case "reload-or-restart":
			n.active[unit] = true
			n.inForce = n.configuration()
			n.lead()
		case "restart":
			n.startKubelet()
		}
	}
	if n.answers(n.running) != nil {
		n.t.Errorf("after %v kubelet runs and nobody answers it", args)
	}
	return "", nil
}

func (n *node) show(property, unit string) string {
	switch property {
	case "ActiveState":
		switch {
		case n.active[unit]:
			return "active\n"
		case n.failed:
			return "failed\n"
		}
		return "inactive\n"
	case "UnitFileState":
		if n.enabled[unit] {
			return "enabled\n"
		}
		return "disabled\n"
	case "InvocationID":
		return fmt.Sprintf("%d\n", n.invocation)
	}
	return "0\n"
}

// RuntimeName implements Machine.
func (n *node) RuntimeName(_ context.Context, endpoint string) (string, error) {
	if asked := n.asked; asked != nil {
		n.asked = nil
		asked()
	}
	if endpoint == n.beside {
		return "containerd", nil
	}
	return n.runtime, n.answers(endpoint)
}

// KubeletVersion implements Machine.
func (n *node) KubeletVersion(context.Context, string) (string, error) { return n.version, nil }

// Arguments implements Machine.
func (n *node) Arguments(int) ([]string, error) { return nil, errors.New("none runs") }

// Healthy implements Machine.
func (n *node) Healthy(context.Context, string) error {
	if n.unhealthy || n.refuses && (n.running != n.at || n.rotation == aside) {
		return errors.New("kubelet is not well")
	}
	return n.answers(n.running)
}

// Calls implements Machine.
func (n *node) Calls(context.Context, config.Configuration) (float64, error) {
	if n.running == n.shim {
		n.calls += wantedCalls
	}
	return n.calls, nil
}

// same holds that files are as they were.
func (n *node) same(when string, want map[string]string) {
	n.t.Helper()
	if diff := cmp.Diff(want, n.files()); diff != "" {
		n.t.Errorf("%s (-want +got):\n%s", when, diff)
	}
}
