package install

import (
	"context"
	"fmt"
	"io"

	"github.com/cri-logshim/cri-logshim/bypass"
	"github.com/cri-logshim/cri-logshim/config"
)

// Status is what is installed on a node and how it stands.
type Status struct {
	State State `json:"state"`
	// Files are those that were changed, by their paths.
	Files []FileStatus `json:"files"`
	// Units are the states of cri-logshim's units, as active; none of an image.
	Units map[string]string `json:"units,omitempty"`
	// Enabled says which of them start at boot; none of an image.
	Enabled map[string]bool `json:"enabled,omitempty"`
	// Mode is that of the configuration file; the service may not have taken it yet.
	Mode config.Mode `json:"mode"`
	// Link is where kubelet's link leads, and the bypass; nil: there is none, as in an image.
	Link *bypass.Status `json:"link,omitempty"`
	// Endpoint is where kubelet finds the runtime when it is started the next time; empty:
	// its default, or unknown.
	Endpoint string `json:"endpoint"`
	// Dockershim says that this is kubelet itself, of which dockershim is a part.
	Dockershim bool `json:"dockershim,omitempty"`
	// ThroughShim says that this is cri-logshim.
	ThroughShim bool `json:"throughShim"`
	// Rotation is "off" where kubelet's files have it rotate no log, or it never does, as with
	// dockershim inside; else "on"; empty: unknown.
	Rotation string `json:"rotation,omitempty"`
	// RestartNeeded says that kubelet has not been restarted since that was changed.
	RestartNeeded bool `json:"restartNeeded"`
	// Calls are those of kubelet that cri-logshim has answered with success since it was
	// started; nil: it does not say.
	Calls *float64 `json:"calls,omitempty"`
	// Warnings are what somebody should do something about.
	Warnings []string `json:"warnings,omitempty"`
	// Trouble is what could not be found out.
	Trouble []string `json:"trouble,omitempty"`

	runtimeElse bool // cri-logshim looks after another runtime than the dockershim in kubelet
}

// FileStatus is what has become of a file that was changed.
type FileStatus struct {
	Path string `json:"path"`
	Fate Fate   `json:"fate"`
}

// Status looks at the node and changes nothing.
func (i *Installer) Status(ctx context.Context) (*Status, error) {
	record, err := i.tree.readRecord()
	if err != nil {
		return nil, err
	}
	s := &Status{State: record.State, Files: []FileStatus{}}
	for _, c := range record.Files {
		now, err := i.tree.Read(c.Path)
		if err != nil {
			return nil, err
		}
		s.Files = append(s.Files, FileStatus{c.Path, c.fate(now)})
	}
	if record.KubeletUnit != "" {
		i.options.KubeletUnit = record.KubeletUnit
	}
	c := i.configInForce(s)
	s.Mode = c.Mode
	i.endpointStatus(ctx, s, c)
	if !i.options.Offline {
		i.linkStatus(s, c)
		i.machineStatus(ctx, s, record, c)
	}
	s.warn(record)
	return s, nil
}

func (s *Status) trouble(err error) { s.Trouble = append(s.Trouble, err.Error()) }

// configInForce is the configuration of the file, or the default one.
func (i *Installer) configInForce(s *Status) config.Configuration {
	f, err := i.tree.Read(configPath)
	if err == nil && f != nil {
		var c config.Configuration
		if c, _, err = config.Parse(configPath, f.Text, i.options.Checks...); err == nil {
			return c
		}
	}
	if err != nil {
		s.trouble(err)
	}
	return config.Default()
}

const (
	rotationOn  = "on" // kubelet rotates logs itself
	rotationOff = "off"
)

// endpointStatus tells of kubelet what its files say.
func (i *Installer) endpointStatus(ctx context.Context, s *Status, c config.Configuration) {
	k, err := i.tree.findKubelet(i.tree.Read, i.options.KubeletUnit, i.runningKubelet(ctx))
	if err != nil {
		s.trouble(err)
		return
	}
	at, err := k.where(kubeletEndpoint())
	if err != nil {
		s.trouble(err)
		return
	}
	s.Endpoint = at.value
	s.ThroughShim = isOurs(c, at.value)
	if k.version, err = i.kubeletVersion(ctx, k); err != nil {
		s.trouble(err)
	}
	if s.Dockershim, err = k.hasDockershim(c.RuntimeEndpoint); err != nil {
		s.trouble(err)
		return
	}
	if s.Dockershim {
		s.Endpoint, s.ThroughShim, s.Rotation = k.dockershimAt(), false, rotationOff
		s.runtimeElse = !i.sameEndpoint(c.RuntimeEndpoint, s.Endpoint)
		return
	}
	off, err := k.rotationOff()
	if err != nil {
		s.trouble(err)
		return
	}
	s.Rotation = rotationOn
	if off != "" {
		s.Rotation = rotationOff
	}
}

func (i *Installer) linkStatus(s *Status, c config.Configuration) {
	if c.KubeletEndpoint == "" {
		return
	}
	link, err := i.tree.link(c)
	if err != nil {
		s.trouble(err)
		return
	}
	s.Link = &link
}

func (i *Installer) machineStatus(ctx context.Context, s *Status, record *Record, c config.Configuration) {
	s.Units, s.Enabled = map[string]string{}, map[string]bool{}
	for _, unit := range []string{socket, service} {
		state, err := i.property(ctx, unit, "ActiveState")
		if err != nil {
			s.trouble(err)
			return
		}
		enabled, err := i.property(ctx, unit, "UnitFileState")
		if err != nil {
			s.trouble(err)
			return
		}
		s.Units[unit], s.Enabled[unit] = state, enabled == "enabled"
	}
	now, err := i.property(ctx, i.options.KubeletUnit, "InvocationID")
	if err != nil {
		s.trouble(err)
	} else if now != "" {
		s.RestartNeeded = now == record.ChangedUnder
	}
	if s.Units[service] != "active" {
		return
	}
	calls, err := i.machine.Calls(ctx, c)
	if err != nil {
		s.trouble(err)
		return
	}
	s.Calls = &calls
}

// Print writes the status for a reader.
func (s *Status) Print(w io.Writer) error {
	_, err := fmt.Fprintf(w, "installation: %s\n", s.State)
	line := func(format string, args ...any) {
		if err == nil {
			_, err = fmt.Fprintf(w, format+"\n", args...)
		}
	}
	for _, f := range s.Files {
		line("  %s: %s", f.Path, f.Fate)
	}
	for _, unit := range []string{socket, service} {
		if state, known := s.Units[unit]; known {
			line("%s: %s, %s", unit, state, map[bool]string{true: "enabled", false: "not enabled"}[s.Enabled[unit]])
		}
	}
	if s.State != Absent {
		line("mode: %s", s.Mode)
	}
	line("kubelet's endpoint: %s", s.endpointText())
	switch {
	case s.Dockershim:
		line("kubelet's own rotation: %s, as it has none with dockershim inside", s.Rotation)
	case s.Rotation != "":
		line("kubelet's own rotation: %s", s.Rotation)
	}
	if s.Link != nil && s.Link.Bypass != nil {
		line("bypass: %s", s.Link.Bypass)
	}
	if s.Calls != nil {
		line("calls through cri-logshim: %.0f", *s.Calls)
	}
	for _, warning := range s.Warnings {
		line("warning: %s", warning)
	}
	for _, trouble := range s.Trouble {
		line("cannot tell all: %s", trouble)
	}
	return err
}

// endpointText is kubelet's endpoint, and whom it leads to.
func (s *Status) endpointText() string {
	switch {
	case s.Dockershim:
		return s.Endpoint + " (kubelet itself: dockershim is a part of it)"
	case s.Endpoint == "" && s.Rotation == "":
		return "unknown"
	case s.Endpoint == "":
		return "not set in its files, so that it has its own default"
	case !s.ThroughShim:
		return s.Endpoint
	case s.Link == nil || s.Link.Way == bypass.ToShim:
		return s.Endpoint + " (cri-logshim)"
	case s.Link.Way == bypass.ToRuntime:
		return fmt.Sprintf("%s (the runtime itself, %s)", s.Endpoint, s.Link.Target)
	case s.Link.Way == bypass.Missing:
		return s.Endpoint + " (leads nowhere now)"
	}
	return fmt.Sprintf("%s (leads to %s)", s.Endpoint, s.Link.Target)
}
