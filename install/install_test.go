package install

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// On every kind of node: what is shown is what is done, and it is the least that leads kubelet
// to cri-logshim; a second installation changes nothing; and an uninstallation makes every file
// what it was, byte for byte.
func TestInstallAndUninstall(t *testing.T) {
	for _, archive := range archives(t) {
		t.Run(archive, func(t *testing.T) {
			n, want := newNode(t, archive)
			before := n.files()
			ctx := t.Context()
			if err := n.installer(Options{DryRun: true}).Install(ctx); err != nil {
				t.Fatal(err)
			}
			n.same("after a dry run", before)
			for _, hunk := range strings.SplitAfter(want, "\n") {
				if !strings.Contains(n.out.String(), hunk) {
					t.Errorf("the dry run does not show %q:\n%s", hunk, n.out.String())
				}
			}
			if err := n.installer(Options{RestartKubelet: true}).Install(ctx); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, n.changed(before)); diff != "" {
				t.Errorf("changed (-want +got):\n%s", diff)
			}
			if n.running != n.shim {
				t.Errorf("kubelet runs with %s", n.running)
			}
			installed, steps, invocation := n.files(), n.steps, n.invocation
			if err := n.installer(Options{RestartKubelet: true}).Install(ctx); err != nil {
				t.Fatal(err)
			}
			n.same("after a second installation", installed)
			if n.invocation != invocation {
				t.Error("the second installation has restarted kubelet")
			}
			if err := n.installer(Options{RestartKubelet: true}).Uninstall(ctx); err != nil {
				t.Fatal(err)
			}
			n.same("after the uninstallation", before)
			if n.running != n.at || n.active[service] || n.enabled[service] {
				t.Errorf("kubelet runs with %s, the service is active %t, enabled %t", n.running, n.active[service], n.enabled[service])
			}
			t.Logf("%d steps", steps)
		})
	}
}

// Without being told, nothing is restarted; what kubelet still needs stays until it was.
func TestNothingIsRestarted(t *testing.T) {
	n, _ := newNode(t, "kubeadm.txtar")
	before := n.files()
	ctx := t.Context()
	if err := n.installer(Options{}).Install(ctx); err != nil {
		t.Fatal(err)
	}
	if n.invocation != 1 {
		t.Fatal("kubelet was restarted")
	}
	if s, err := n.installer(Options{}).Status(ctx); err != nil || s.State != Installed || !s.RestartNeeded || !s.ThroughShim {
		t.Errorf("the status is %+v, %v", s, err)
	}
	n.startKubelet()
	if s, err := n.installer(Options{}).Status(ctx); err != nil || s.RestartNeeded {
		t.Errorf("after a restart the status is %+v, %v", s, err)
	}
	if err := n.installer(Options{}).Uninstall(ctx); !errors.Is(err, errStillThere) {
		t.Fatalf("uninstalled while kubelet needs it: %v", err)
	}
	if !n.active[service] || n.invocation != 2 {
		t.Errorf("the service is active %t, kubelet's invocation is %d", n.active[service], n.invocation)
	}
	n.startKubelet()
	if err := n.installer(Options{}).Uninstall(ctx); err != nil {
		t.Fatal(err)
	}
	n.same("in the end", before)
}

// A kubelet that does not become healthy gets its files back by itself, and so does one whose
// cri-logshim does not come up, which is never led there.
func TestRolledBack(t *testing.T) {
	n, _ := newNode(t, "kubeadm_flags.txtar")
	before := n.files()
	n.refuses = true
	err := n.installer(Options{RestartKubelet: true}).Install(t.Context())
	if err == nil || !strings.Contains(err.Error(), "kubelet is not well") {
		t.Errorf("installed, or no reason: %v", err)
	}
	n.same("after an unhealthy kubelet", before)
	if n.running != n.at || n.active[service] || n.enabled[service] || n.invocation != 3 {
		t.Errorf("kubelet runs with %s, invocation %d; the service is active %t, enabled %t", n.running, n.invocation, n.active[service], n.enabled[service])
	}
}

// Where kubelet is left alone, it is said what it still needs: only in mode manage its rotation
// would come between, where that is left to it.
func TestLeftAlone(t *testing.T) {
	for name, test := range map[string]struct {
		mode    string
		options Options
		says    string
	}{
		"observe":                 {"observe", Options{}, "kubelet is left alone: mode is observe"},
		"manage, with a rotation": {"manage", Options{LeaveRotation: true}, "kubelet is left alone: mode is manage"},
		"manage, without kubelet": {"manage", Options{LeaveKubelet: true, RuntimeEndpoint: containerd}, ""},
	} {
		n, _ := newNode(t, "kubeadm.txtar")
		n.configure(test.mode)
		before := n.files()
		if err := n.installer(test.options).Install(t.Context()); err != nil {
			t.Fatal(err)
		}
		if changed := n.changed(before); changed != "" {
			t.Errorf("%s: changed is\n%s", name, changed)
		}
		if said := n.out.String(); strings.Contains(said, "has to be off") != test.options.LeaveRotation || !strings.Contains(said, test.says) {
			t.Errorf("%s says:\n%s", name, said)
		}
	}
}

// What others have changed since stays theirs: only our settings are taken out.
func TestForeignChanges(t *testing.T) {
	n, _ := newNode(t, "kubeadm.txtar")
	ctx, all := t.Context(), Options{RestartKubelet: true}
	before := n.files()
	if err := n.installer(all).Install(ctx); err != nil {
		t.Fatal(err)
	}
	const configuration, own = "var/lib/kubelet/config.yaml", "etc/cri-logshim/config.yaml"
	text, err := os.ReadFile(filepath.Join(n.root, configuration))
	if err != nil {
		t.Fatal(err)
	}
	n.put(configuration, strings.Replace(string(text), "rotateCertificates: true", "rotateCertificates: false # theirs", 1), 0o640)
	n.put(own, "apiVersion: cri-logshim.io/v1alpha1\nkind: Configuration\nrotation: {maxFiles: 9}\n", 0o644)
	for _, run := range []func() error{
		func() error { return n.installer(all).Install(ctx) },
		func() error { return n.installer(all).Uninstall(ctx) },
	} {
		if err := run(); err != nil {
			t.Fatal(err)
		}
	}
	want := before
	want["/"+configuration] = strings.Replace(before["/"+configuration], "true", "false # theirs", 1)
	want["/etc"], want["/etc/cri-logshim"] = n.files()["/etc"], n.files()["/etc/cri-logshim"]
	want["/"+own] = n.files()["/"+own]
	n.same("uninstalled", want)
	if !strings.Contains(want["/"+own], "maxFiles: 9") {
		t.Errorf("an operator's configuration is now %s", want["/"+own])
	}
}

// What is not understood is not touched: each fault is named, with what to do about it.
func TestRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		prepare func(n *node)
		options Options
		says    []string
	}{
		"a malformed kubelet configuration": {func(n *node) { n.put("var/lib/kubelet/config.yaml", "kind: [\n", 0o600) }, Options{}, []string{"/var/lib/kubelet/config.yaml", "line 1"}},
		"no kubelet configuration":          {func(n *node) { n.gone("var/lib/kubelet/config.yaml") }, Options{}, []string{"/var/lib/kubelet/config.yaml", "joined"}},
		"a kubelet configuration that is a folder": {
			func(n *node) {
				n.gone("var/lib/kubelet/config.yaml")
				n.put("var/lib/kubelet/config.yaml/x", "", 0o600)
			},
			Options{},
			[]string{"/var/lib/kubelet/config.yaml", "no regular file"},
		},
		"no kubelet":                  {func(n *node) { n.gone("usr/lib/systemd/system/kubelet.service") }, Options{}, []string{"kubelet.service", "--kubelet-unit"}},
		"an unknown runtime":          {func(n *node) { n.runtime = "frakti" }, Options{}, []string{"frakti", "--runtime-endpoint"}},
		"a runtime that is not there": {nil, Options{RuntimeEndpoint: "unix:///run/nowhere.sock"}, []string{"/run/nowhere.sock", "is it running?"}},
		"an old kubelet":              {func(n *node) { n.version = "v1.26.1" }, Options{}, []string{"v1.26.1", "--container-runtime-endpoint="}},
		"dockershim inside kubelet":   {(*node).dockershim, Options{}, dockershimRefusal()},
		"dockershim by its socket, in an image": {
			func(n *node) { n.replace("var/lib/kubelet/config.yaml", containerd, `""`) },
			Options{Offline: true, RuntimeEndpoint: "unix:///var/run/dockershim.sock"},
			dockershimRefusal(),
		},
		"dockershim by kubelet's version": {func(n *node) { n.version = "v1.23.17" }, Options{}, dockershimRefusal()},
		"dockershim by default, of which nothing answers": {
			func(n *node) { n.dockershimUntold(); n.at = "unix:///nowhere" },
			Options{},
			dockershimRefusal(),
		},
		"dockershim by default, and another runtime beside it": {
			func(n *node) { n.dockershimUntold(); n.beside = containerd },
			Options{RuntimeEndpoint: containerd},
			dockershimRefusal(),
		},
		"dockershim by kubeadm's flag, in an image": {
			func(n *node) { n.dockershimUntold(); n.flags("--network-plugin=cni") },
			Options{Offline: true},
			dockershimRefusal(),
		},
		"dockershim by kubeadm's flag, in an image, and another runtime": {
			func(n *node) { n.dockershimUntold(); n.flags("--network-plugin=cni") },
			Options{Offline: true, RuntimeEndpoint: "unix:///run/cri-dockerd.sock"},
			append(dockershimRefusal(), "--network-plugin without --container-runtime=remote"),
		},
		"dockershim, and another socket of Docker's": {
			func(n *node) { n.dockershimUntold(); n.flags("--docker-endpoint=unix:///elsewhere/docker.sock") },
			Options{},
			[]string{"mode: manage", `docker: {endpoint: "unix:///elsewhere/docker.sock"}`},
		},
		"dockershim that is managed, and another socket of Docker's": {
			func(n *node) {
				n.dockershimUntold()
				n.put(configPath, bareConfig+"mode: manage\n", 0o644)
				n.flags("--docker-endpoint=unix:///elsewhere/docker.sock")
			},
			Options{},
			[]string{"--docker-endpoint", `docker: {endpoint: "unix:///elsewhere/docker.sock"}`, configPath},
		},
		"dockershim that is managed, and another runtime": {
			func(n *node) {
				n.dockershimUntold()
				n.beside = containerd
				n.put(configPath, bareConfig+"mode: manage\n", 0o644)
			},
			Options{RuntimeEndpoint: containerd},
			[]string{containerd, "at " + dockershimEndpoint, "--runtime-endpoint"},
		},
		"Docker's own API": {nil, Options{RuntimeEndpoint: "unix:///var/run/docker.sock"}, []string{"--runtime-endpoint", "Docker's own API", "unix:///run/cri-dockerd.sock"}},
		"Docker's own API in kubelet's configuration, of an image": {
			func(n *node) { n.replace("var/lib/kubelet/config.yaml", containerd, "unix:///run/docker.sock") },
			Options{Offline: true},
			[]string{"/var/lib/kubelet/config.yaml", "Docker's own API", "unix:///run/cri-dockerd.sock"},
		},
		"a wrong configuration of ours": {func(n *node) { n.put("etc/cri-logshim/config.yaml", "mode: no\n", 0o600) }, Options{}, []string{"/etc/cri-logshim/config.yaml", "mode", "mend it"}},
		"a restart without metrics": {
			func(n *node) {
				n.put("etc/cri-logshim/config.yaml", "apiVersion: cri-logshim.io/v1alpha1\nkind: Configuration\nadmin: {listen: \"\", metrics: \"\"}\n", 0o600)
			},
			Options{RestartKubelet: true},
			[]string{"--restart-kubelet", "admin.listen", "admin.metrics", "/etc/cri-logshim/config.yaml", "yourself"},
		},
		"no program":                  {func(n *node) { n.gone("usr/local/bin/cri-logshim"); n.gone("usr/bin/cri-logshim") }, Options{}, []string{"/usr/local/bin/cri-logshim", "--binary"}},
		"a program that is none":      {func(n *node) { n.put("usr/bin/sleep", "", 0o644) }, Options{Binary: "/usr/bin/sleep"}, []string{"/usr/bin/sleep", "no program"}},
		"a program that is not there": {nil, Options{Binary: "/usr/bin/nothing"}, []string{"/usr/bin/nothing", "no such file"}},
		"no time":                     {nil, Options{Wait: -5}, []string{"--wait"}},
		"a restart in an image":       {nil, Options{Offline: true, RestartKubelet: true}, []string{"--restart-kubelet", "--root"}},
		"no systemd":                  {func(n *node) { n.gone(systemdRuns + "/.keep"); n.gone(systemdRuns) }, Options{}, []string{"no systemd runs here", "--root"}},
		"a shell that starts kubelet": {
			(*node).shellStarted,
			Options{RuntimeEndpoint: containerd},
			[]string{"/etc/systemd/system/kubelet.service:4 starts kubelet by /bin/sh", "--container-runtime-endpoint=unix:///run/cri-logshim/kubelet.sock", "by hand", "--leave-kubelet"},
		},
		"a shell that starts kubelet in an image": {
			(*node).shellStarted,
			Options{Offline: true},
			[]string{"kubelet.service:4 starts kubelet by /bin/sh", "--runtime-endpoint does"},
		},
		"a damaged record": {func(n *node) { n.put(recordFile, "{", 0o600) }, Options{}, []string{recordFile, backupFolder}},
	} {
		t.Run(name, func(t *testing.T) {
			n, _ := newNode(t, "kubeadm.txtar")
			if test.prepare != nil {
				test.prepare(n)
			}
			before := n.files()
			n.unreadable = true
			err := n.installer(test.options).Install(t.Context())
			if err == nil {
				t.Fatal("installed")
			}
			for _, text := range test.says {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("it does not say %q: %v", text, err)
				}
			}
			n.same("after the refusal", before)
		})
	}
}

func (n *node) gone(name string) {
	n.t.Helper()
	if err := os.Remove(filepath.Join(n.root, name)); err != nil {
		n.t.Fatal(err)
	}
}

// archives are the nodes of the tests.
func archives(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join("testdata", "node"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// Where kubelet's rotation is off by an operator's hand, as mode manage needs it, that is not asked
// for once more; and who takes cri-logshim away hears that nobody rotates then.
func TestRotationByHand(t *testing.T) {
	for _, byHand := range []bool{true, false} {
		n, _ := newNode(t, "kubeadm.txtar")
		n.put(configPath, bareConfig+"mode: manage\n", 0o644)
		if byHand {
			n.replace("var/lib/kubelet/config.yaml", "rotateCertificates: true", "containerLogMaxSize: 1P")
		}
		if err := n.installer(Options{LeaveRotation: true}).Install(t.Context()); err != nil {
			t.Fatal(err)
		}
		if said := n.out.String(); strings.Contains(said, "has to be off") == byHand {
			t.Errorf("off by hand: %t, it says:\n%s", byHand, said)
		}
		if err := n.installer(Options{}).Uninstall(t.Context()); err != nil {
			t.Fatal(err)
		}
		if said := n.out.String(); strings.Contains(said, "nobody rotates logs") != byHand {
			t.Errorf("off by hand: %t, it says at the end:\n%s", byHand, said)
		}
	}
	n, _ := newNode(t, "kubeadm.txtar") // in mode proxy it is the installation's own
	n.installed()
	if err := n.installer(Options{RestartKubelet: true}).Uninstall(t.Context()); err != nil {
		t.Fatal(err)
	}
	if said := n.out.String(); strings.Contains(said, "nobody rotates logs") {
		t.Errorf("what is taken back stays off:\n%s", said)
	}
}

// A kubelet that does not come up, with its own files neither: nobody has begun an uninstallation
// then, the cause is told once, and what is left is finished when kubelet is well.
func TestNotTakenBackWholly(t *testing.T) {
	n, _ := newNode(t, "kubeadm.txtar")
	before := n.files()
	n.unhealthy = true
	err := n.installer(Options{RestartKubelet: true}).Install(t.Context())
	if err == nil || !strings.Contains(err.Error(), "kubelet is not healthy through cri-logshim: kubelet is not well (after 1m0s)") || !strings.Contains(err.Error(), "not all could be taken back") {
		t.Errorf("installed, or another end: %v", err)
	}
	if strings.Contains(n.out.String(), "not well") {
		t.Errorf("the cause was told before:\n%s", n.out.String())
	}
	const says = "an installation has failed and could not be taken back wholly"
	if err := n.installer(Options{}).Install(t.Context()); err == nil || !strings.Contains(err.Error(), says) {
		t.Errorf("once more: %v", err)
	}
	if s, err := n.installer(Options{}).Status(t.Context()); err != nil || !strings.Contains(strings.Join(s.Warnings, "\n"), says) {
		t.Errorf("the status warns %q, %v", s.Warnings, err)
	}
	n.unhealthy = false
	if err := n.installer(Options{RestartKubelet: true}).Uninstall(t.Context()); err != nil {
		t.Fatal(err)
	}
	n.same("finished", before)
}

// shellStarted has a shell start kubelet, whose arguments nobody takes apart.
func (n *node) shellStarted() {
	n.t.Helper()
	n.gone("usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf")
	n.put("etc/systemd/system/kubelet.service", "[Service]\nExecStart=/usr/bin/kubelet\nExecStart=\nExecStart=/bin/sh -c 'exec kubelet --container-runtime-endpoint=unix:///run/containerd/containerd.sock'\n", 0o644)
}

func dockershimRefusal() []string {
	return []string{"dockershim is a part of this kubelet", "mode: manage", "runtimeEndpoint: unix:///var/run/dockershim.sock", configPath}
}

// dockershim makes the node's kubelet one that serves Docker to itself, and is told so.
func (n *node) dockershim() {
	n.dockershimUntold()
	n.flags("--container-runtime=docker")
}

// dockershimUntold makes it one that does so by default.
func (n *node) dockershimUntold() {
	n.t.Helper()
	n.version, n.runtime, n.at = "v1.23.17", "docker", dockershimEndpoint
	n.replace("var/lib/kubelet/config.yaml", "containerRuntimeEndpoint: "+containerd+"\n", "")
	n.startKubelet()
}

// flags gives kubelet more of them.
func (n *node) flags(flags string) {
	n.t.Helper()
	n.replace("var/lib/kubelet/kubeadm-flags.env", "--pod-infra", flags+" --pod-infra")
}
