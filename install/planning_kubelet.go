package install

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/install/edit"
)

// planKubelet changes of kubelet what the mode needs: in proxy it is led to cri-logshim, and in
// manage too its own rotation is set aside.
func (i *Installer) planKubelet(ctx context.Context, in *intent, k *kubelet) error {
	if alone, err := i.leaveAlone(in, k); err != nil || alone {
		return err
	}
	if in.config.Mode == config.ModeProxy {
		if err := in.planEndpoint(k, i.options.KubeletUnit); err != nil {
			return err
		}
	}
	if !i.leavesRotation(in) {
		if err := in.planRotation(k, k.version); err != nil {
			return err
		}
	}
	var err error
	in.kubelet, err = i.tree.findKubelet(in.read, i.options.KubeletUnit, i.runningKubelet(ctx))
	if err != nil || !in.leads() {
		return err
	}
	// Whatever was edited, this is what counts.
	now, err := in.kubelet.where(kubeletEndpoint())
	if err == nil && now.value != in.endpoint {
		err = fmt.Errorf("set kubelet's endpoint: with what would be written it is still %s, as %q has it; write %s there by hand", now.value, now.file, in.endpoint)
	}
	return err
}

// leaveAlone says whether nothing of kubelet's is changed, and notes why, and what it needs all the
// same.
func (i *Installer) leaveAlone(in *intent, k *kubelet) (bool, error) {
	mode := in.config.Mode
	switch {
	case mode == config.ModeProxy:
		return false, nil
	case mode == config.ModeManage && !i.leavesRotation(in):
		in.note(fmt.Sprintf("kubelet is not led to cri-logshim: mode is %s in %s", mode, configPath))
		return false, nil
	}
	in.note(fmt.Sprintf("kubelet is left alone: mode is %s in %s", mode, configPath))
	off, err := k.rotationOff()
	if err == nil && mode == config.ModeManage && !in.runtime.isDocker() && off == "" {
		in.note("in mode manage kubelet's own rotation has to be off, or both rotate at once: containerLogMaxSize: 1P in its configuration, and a restart")
	}
	return true, err
}

// leavesRotation says whether kubelet keeps its own rotation: as it is told, or since it has none.
// Before any other Docker it has one, which can only fail.
func (i *Installer) leavesRotation(in *intent) bool {
	return i.options.LeaveRotation || in.runtime.inside
}

// planEndpoint leads kubelet to cri-logshim.
func (in *intent) planEndpoint(k *kubelet, unit string) error {
	at, err := k.where(kubeletEndpoint())
	if err != nil {
		return err
	}
	if !at.found && k.version == "" {
		in.note(fmt.Sprintf("which version kubelet has could not be found out, and nothing says where its runtime is: before 1.27 it needs the flag %s, and before 1.24 %s=remote too, or dockershim is a part of it and nothing can stand between them",
			kubeletEndpoint().flag, kubeletRuntime))
	}
	if !at.isFlag && k.version != "" && !atLeast(k.version, 27) {
		return fmt.Errorf("kubelet %s takes the runtime's endpoint by a flag only, and has none; start it with --container-runtime-endpoint=%s in %s, then run this again",
			k.version, in.endpoint, unit)
	}
	if err := in.set(k, kubeletEndpoint(), in.endpoint); err != nil {
		return err
	}
	return in.planKubeadm()
}

// kubeletVersion is kubelet's version, as v1.36.3; empty: it has none, or its program is not known.
func (i *Installer) kubeletVersion(ctx context.Context, k *kubelet) (string, error) {
	if i.options.Offline || !k.known() {
		return "", nil
	}
	version, err := i.machine.KubeletVersion(ctx, k.program)
	if err != nil || strings.HasPrefix(version, "v0.") { // built without one
		return "", err
	}
	return version, nil
}

// set plans one setting of kubelet's.
func (in *intent) set(k *kubelet, s setting, value string) error {
	at, text, err := k.set(s, value)
	if err != nil || at.value == value {
		return err
	}
	made := Setting{Key: s.key, New: value}
	if at.isFlag {
		made.Key = s.flag
	}
	if at.found {
		made.Old = &at.value
	}
	return in.write(Kubelet, at.file, text, made)
}

// planKubeadm has kubeadm write our endpoint too when it writes kubelet's configuration anew.
func (in *intent) planKubeadm() error {
	f, err := in.read(kubeadmInstance)
	if err != nil || f == nil {
		return err
	}
	key := kubeletEndpoint().key
	old, found, err := edit.Lookup(f.Text, key)
	if err == nil && (!found || old == in.endpoint) {
		return nil
	}
	text := f.Text
	if err == nil {
		text, err = edit.Set(f.Text, key, in.endpoint)
	}
	if err != nil {
		return fmt.Errorf("set %s in kubeadm's %q: %w", key, kubeadmInstance, err)
	}
	return in.write(Kubelet, kubeadmInstance, text, Setting{Key: key, Old: &old, New: in.endpoint})
}

// aside is the size that sets kubelet's own rotation aside. A negative one would do that too, but
// it would also stop kubelet from removing the logs of dead containers; and with 1Pi it does not
// start.
const aside = "1P"

// planRotation sets kubelet's own rotation aside.
func (in *intent) planRotation(k *kubelet, version string) error {
	err := in.set(k, kubeletRotation(), aside)
	if errors.Is(err, errNowhere) {
		in.note("kubelet goes on rotating logs too: without a configuration file that is known there is no way to set that aside")
		return nil
	}
	if err != nil {
		return err
	}
	switch {
	case version == "":
		in.note("containerLogMonitorInterval is left as it is: kubelet knows it from 1.30 on, and which version this one is could not be found out")
		return nil
	case !atLeast(version, 30):
		in.note(fmt.Sprintf("containerLogMonitorInterval is left as it is: kubelet knows it from 1.30 on, and this one is %s", version))
		return nil
	}
	return in.set(k, setting{key: "containerLogMonitorInterval"}, "1h")
}

// atLeast says whether a version, as v1.36.3, is 1.minor or newer.
func atLeast(version string, minor int) bool {
	parts := strings.Split(strings.TrimPrefix(version, "v"), ".")
	if len(parts) < 2 {
		return false
	}
	major, err := strconv.Atoi(parts[0])
	if err != nil {
		return false
	}
	second, err := strconv.Atoi(strings.TrimRight(parts[1], "+"))
	return err == nil && (major > 1 || second >= minor)
}
