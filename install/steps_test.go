package install

import (
	"strings"
	"testing"
)

// What is shown before says the runtime and who has named it, which files come, change and go, and
// what is done to units and kubelet; the text of files that are new is not among it unless that
// is asked for.
func TestShowsSteps(t *testing.T) {
	n, _ := newNode(t, "kubeadm.txtar")
	show := func(o Options, run func(i *Installer) error) string {
		t.Helper()
		n.out.Reset()
		o.DryRun = true
		if err := run(n.installer(o)); err != nil {
			t.Fatal(err)
		}
		_, said, _ := strings.Cut(n.out.String(), "What will be done:\n")
		return said
	}
	install := func(i *Installer) error { return i.Install(t.Context()) }
	uninstall := func(i *Installer) error { return i.Uninstall(t.Context()) }
	const files = `  new      /usr/local/lib/cri-logshim/bypass.sh
  new      /usr/local/lib/systemd/system/cri-logshim-bypass.service
  new      /usr/local/lib/systemd/system/cri-logshim-retry.service
  new      /usr/local/lib/systemd/system/cri-logshim.service
  new      /usr/local/lib/systemd/system/cri-logshim.socket
  new      /etc/cri-logshim/config.yaml
  changed  /var/lib/kubelet/config.yaml
  changed  /var/lib/kubelet/instance-config.yaml
`
	const from = "  runtime  unix:///run/containerd/containerd.sock (containerd; "
	want := func(when, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s it shows\n%s\nwant\n%s", when, got, want)
		}
	}
	want("at first", show(Options{RestartKubelet: true}, install), files+from+`kubelet's /var/lib/kubelet/config.yaml)
  systemd  enable cri-logshim.socket cri-logshim.service
  systemd  start cri-logshim.socket cri-logshim.service
  kubelet  restarted, and healthy within 1m0s, or all is taken back
`)
	if strings.Contains(n.out.String(), "ExecStart") {
		t.Errorf("it shows the text of new files:\n%s", n.out.String())
	}
	show(Options{Verbose: true}, install)
	if !strings.Contains(n.out.String(), "+ExecStart=/usr/local/bin/cri-logshim serve") {
		t.Errorf("it does not show the text of new files:\n%s", n.out.String())
	}
	n.installed()
	want("once more", show(Options{}, install), "  files    all are as they are to be\n"+from+"kubelet's /var/lib/kubelet/config.yaml)\n")
	removed := strings.ReplaceAll(files, "  new    ", "  removed")
	want("to be taken away", show(Options{RestartKubelet: true}, uninstall), removed+`  systemd  stop cri-logshim.socket cri-logshim.service
  systemd  disable cri-logshim.socket cri-logshim.service
  kubelet  restarted if it was started with what is taken back
`)
}
