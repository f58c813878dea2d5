package install

import (
	"context"
	"fmt"
	"slices"
)

// note writes down whether a unit is one that has to be disabled and stopped for all to be as
// before. One that has failed was not stopped: systemd goes on starting it.
func (r *run) note(ctx context.Context, record *Record, unit string) error {
	enabled, active := "", inactive
	if !r.options.Offline {
		var err error
		if enabled, err = r.property(ctx, unit, "UnitFileState"); err != nil {
			return err
		}
		if active, err = r.property(ctx, unit, "ActiveState"); err != nil {
			return err
		}
	}
	if enabled != "enabled" {
		r.disabled = append(r.disabled, unit)
		if !slices.Contains(record.Enabled, unit) {
			record.Enabled = append(record.Enabled, unit)
		}
	}
	// Where an installation is in force, it was noted how it was before that.
	if active == inactive && r.was.State != Installed && !slices.Contains(record.Started, unit) {
		record.Started = append(record.Started, unit)
	}
	return nil
}

// inactive is the state of a unit that was stopped, or never started.
const inactive = "inactive"

// start starts a unit that is not active. A service that is takes what has changed into force,
// without a call that fails.
func (r *run) start(ctx context.Context, unit string, changed bool) error {
	state, err := r.property(ctx, unit, "ActiveState")
	if err != nil {
		return err
	}
	verb := "start"
	switch {
	case state == inactive:
		r.started = append(r.started, unit)
	case state == "active" && unit != service:
		return nil
	case state == "active" && !changed:
		stale, err := r.stale()
		if err != nil || !stale {
			return err
		}
		r.tell("%s runs in another mode than %s says, and is reloaded.", unit, configPath)
		verb = "reload"
	case state == "active":
		verb = "reload"
	}
	r.told = r.told || state != inactive && unit == service
	_, err = r.machine.Systemctl(ctx, verb, unit)
	return err
}

// bringBack has a service that goes on take the configuration that was put back. It is not
// waited for: one that could not be started before cannot be now.
func (i *Installer) bringBack(ctx context.Context) error {
	_, err := i.machine.Systemctl(ctx, "reload-or-restart", "--no-block", service)
	return err
}

// outlives says whether the service goes on when what is recorded is taken back.
func (i *Installer) outlives(ctx context.Context, record *Record) (bool, error) {
	if i.options.Offline || slices.Contains(record.Started, service) {
		return false, nil
	}
	there, err := i.there([]string{service})
	if err != nil || len(there) == 0 {
		return false, err
	}
	state, err := i.property(ctx, service, "ActiveState")
	return state != inactive, err
}

// unitFiles enables or disables units, of the machine or in the files of one.
func (i *Installer) unitFiles(ctx context.Context, verb string, units []string) error {
	if len(units) == 0 {
		return nil
	}
	args := []string{verb}
	if i.options.Offline {
		root, err := i.tree.real("/")
		if err != nil {
			return err
		}
		args = []string{"--root=" + root, verb}
	}
	_, err := i.machine.Systemctl(ctx, append(args, units...)...)
	return err
}

// stop ends what of cri-logshim did not run before, and what starts it at boot.
func (i *Installer) stop(ctx context.Context, record *Record) error {
	started, err := i.there(record.Started)
	if err != nil {
		return err
	}
	if !i.options.Offline && len(started) > 0 {
		if _, err := i.machine.Systemctl(ctx, append([]string{"stop"}, started...)...); err != nil {
			return fmt.Errorf("stop cri-logshim: %w", err)
		}
	}
	enabled, err := i.there(record.Enabled)
	if err != nil {
		return err
	}
	if err := i.unitFiles(ctx, "disable", enabled); err != nil {
		return fmt.Errorf("disable cri-logshim: %w", err)
	}
	return nil
}

// there are those of some units that have a file, the last first.
func (i *Installer) there(units []string) (there []string, err error) {
	for _, unit := range slices.Backward(units) {
		files, err := i.tree.unitFiles(i.tree.Read, unit)
		if err != nil {
			return nil, err
		}
		if len(files) > 0 {
			there = append(there, unit)
		}
	}
	return there, nil
}
