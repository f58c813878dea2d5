package install

import (
	"context"
	"fmt"
	"strings"
)

// steps are what is done beside the files, and why, in lines of a word and what there is to say
// of it.
type steps [][2]string

func (s *steps) add(word, format string, args ...any) {
	*s = append(*s, [2]string{word, fmt.Sprintf(format, args...)})
}

// show tells what is planned: changes as a diff, and all of it in a few lines at the end.
func (i *Installer) show(p *plan, more steps) {
	fmt.Fprint(i.out, p.diff(i.options.Verbose))
	for _, note := range p.notes {
		i.tell("Note: %s.", strings.TrimSuffix(note, "."))
	}
	i.tell("What will be done:")
	var all steps
	for _, c := range p.changes {
		switch {
		case c.now.sum() == c.after.sum():
		case c.now == nil:
			all.add("new", "%s", c.path)
		case c.after == nil:
			all.add("removed", "%s", c.path)
		default:
			all.add("changed", "%s", c.path)
		}
	}
	if len(all) == 0 {
		all.add("files", "all are as they are to be")
	}
	for _, step := range append(all, more...) {
		i.tell("  %-8s %s", step[0], step[1])
	}
}

// installSteps are what an installation does beside the files.
func (i *Installer) installSteps(ctx context.Context, in *intent) (steps, error) {
	var s steps
	from := in.runtime.from
	if in.runtime.name != "" {
		from = in.runtime.name + "; " + from
	}
	s.add("runtime", "%s (%s)", in.runtime.endpoint, from)
	if err := i.unitSteps(ctx, in, &s); err != nil {
		return nil, err
	}
	switch led := in.has(Kubelet); {
	case in.kubelet == nil && !led:
		s.add("kubelet", "left alone")
	case i.options.Offline:
	case i.options.RestartKubelet && led:
		s.add("kubelet", "restarted, and healthy within %v, or all is taken back", i.options.Wait)
	case i.options.RestartKubelet:
		s.add("kubelet", "restarted if it has not been since its files were changed")
	case led:
		s.add("kubelet", "not restarted, so the change counts from its next start (--restart-kubelet)")
	}
	return s, nil
}

// unitSteps are what an installation does to the units.
func (i *Installer) unitSteps(ctx context.Context, in *intent, s *steps) error {
	if i.options.Offline {
		s.add("systemd", "enable %s", strings.Join(in.enabled(), " "))
		return nil
	}
	var enable, start, reload []string
	for _, unit := range in.enabled() {
		enabled, err := i.property(ctx, unit, "UnitFileState")
		if err != nil {
			return err
		}
		active, err := i.property(ctx, unit, "ActiveState")
		if err != nil {
			return err
		}
		if enabled != "enabled" {
			enable = append(enable, unit)
		}
		switch {
		case active != "active":
			start = append(start, unit)
		case unit == service && in.has(Shim):
			reload = append(reload, unit)
		}
	}
	for _, step := range []struct {
		verb  string
		units []string
	}{{"enable", enable}, {"start", start}, {"reload", reload}} {
		if len(step.units) > 0 {
			s.add("systemd", "%s %s", step.verb, strings.Join(step.units, " "))
		}
	}
	return nil
}

// removalSteps are what an uninstallation does beside the files.
func (i *Installer) removalSteps(record *Record, p *plan) steps {
	var s steps
	if len(record.Started) > 0 && !i.options.Offline {
		s.add("systemd", "stop %s", strings.Join(record.Started, " "))
	}
	if len(record.Enabled) > 0 {
		s.add("systemd", "disable %s", strings.Join(record.Enabled, " "))
	}
	switch {
	case record.KubeletUnit == "" || i.options.Offline:
	case i.options.RestartKubelet:
		s.add("kubelet", "restarted if it was started with what is taken back")
	case p.has(Kubelet) && !record.led():
		s.add("kubelet", "not restarted; one that was started with what is taken back does not rotate until its next start (--restart-kubelet)")
	case p.has(Kubelet):
		s.add("kubelet", "not restarted; as long as one runs that was started with what is taken back, cri-logshim stays (--restart-kubelet)")
	}
	return s
}
