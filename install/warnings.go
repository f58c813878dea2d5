package install

import (
	"fmt"
	"strings"

	"github.com/cri-logshim/cri-logshim/bypass"
	"github.com/cri-logshim/cri-logshim/config"
)

// warn notes what somebody should do something about: what keeps kubelet from finding a runtime,
// now or after the next boot, comes first.
func (s *Status) warn(record *Record) {
	if s.ThroughShim && s.Units != nil {
		s.warnOfUnits()
		s.warnOfLink()
	}
	switch {
	case s.State == Installing:
		s.warning("an installation was begun and not finished: cri-logshim node install completes it, cri-logshim node uninstall undoes it")
	case s.State == Removing && record.TakenBack:
		s.warning("an installation has failed and could not be taken back wholly: cri-logshim node uninstall --restart-kubelet")
	case s.State == Removing:
		s.warning("not all is taken back: cri-logshim node uninstall")
	case s.State == Installed && s.Dockershim:
		s.warnOfDockershim()
	case s.State == Installed && record.KubeletUnit != "" && s.Mode == config.ModeProxy && !s.ThroughShim && s.Endpoint != "":
		s.warning("kubelet's files do not lead to cri-logshim any more: cri-logshim node install")
	case s.State == Installed && s.Mode != config.ModeProxy && s.ThroughShim:
		s.warning("in mode %s kubelet's files need not lead to cri-logshim: cri-logshim node install leads them to the runtime", s.Mode)
	case s.State == Installed && s.Mode == config.ModeManage && record.KubeletUnit != "" && s.Rotation == rotationOn:
		s.warning("in mode manage kubelet's own rotation has to be off, or both rotate at once: cri-logshim node install sets it aside")
	}
	if s.RestartNeeded {
		s.warning("kubelet has not been restarted since its files were changed")
	}
}

// warnOfDockershim warns where cri-logshim cannot do its work before a kubelet with dockershim inside.
func (s *Status) warnOfDockershim() {
	switch {
	case s.Mode == config.ModeProxy:
		s.warning("dockershim is a part of this kubelet, so nothing can stand between them: write mode: %s and runtimeEndpoint: %s into %s, then cri-logshim node install", config.ModeManage, s.Endpoint, configPath)
	case s.runtimeElse:
		s.warning("kubelet's containers are at %s, and cri-logshim looks after another runtime: cri-logshim node install sets runtimeEndpoint in %s", s.Endpoint, configPath)
	}
}

// warnOfUnits warns where kubelet is led to a service that does not serve, or will not.
func (s *Status) warnOfUnits() {
	const end = ": cri-logshim node install, or cri-logshim node uninstall"
	var stopped, disabled []string
	for _, unit := range []string{socket, service} {
		if s.Units[unit] == inactive || s.Units[unit] == "failed" {
			stopped = append(stopped, unit)
		}
		if !s.Enabled[unit] {
			disabled = append(disabled, unit)
		}
	}
	switch {
	case len(stopped) == 0:
	case s.Link != nil && s.Link.Way == bypass.ToRuntime:
		s.warning("kubelet's files lead to cri-logshim, which does not run (%s): a link leads to the runtime until the next boot, then kubelet has none%s", strings.Join(stopped, ", "), end)
	default:
		s.warning("kubelet's files lead to cri-logshim, which does not run (%s): a kubelet that starts now has no runtime%s", strings.Join(stopped, ", "), end)
	}
	if len(disabled) > 0 {
		s.warning("kubelet's files lead to cri-logshim, which does not start at boot (%s): kubelet has no runtime then%s", strings.Join(disabled, ", "), end)
	}
}

// warnOfLink warns where kubelet's calls go past a service that serves.
func (s *Status) warnOfLink() {
	switch {
	case s.Link == nil || s.Units[service] != "active":
	case s.Link.Bypass != nil:
		s.warning("a bypass is on, so kubelet's calls go past cri-logshim when it is restarted: cri-logshim bypass off ends it")
	case s.Link.Way == bypass.ToRuntime && s.Mode == config.ModeProxy:
		s.warning("kubelet's link leads to the runtime, since the service runs in another mode than %s says: systemctl reload cri-logshim", configPath)
	case s.Link.Way == bypass.ToShim && s.Mode != config.ModeProxy:
		s.warning("the service runs in another mode than %s says: systemctl reload cri-logshim", configPath)
	case s.Link.Way == bypass.Elsewhere:
		s.warning("kubelet's link leads to %s, which is neither cri-logshim nor the runtime", s.Link.Target)
	}
}

func (s *Status) warning(format string, args ...any) {
	s.Warnings = append(s.Warnings, fmt.Sprintf(format, args...))
}
