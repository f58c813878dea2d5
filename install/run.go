package install

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// run is one installation under way, and what it has done so far.
type run struct {
	*Installer
	in     *intent
	was    Record  // the record before
	record *Record // nil: not yet written

	disabled  []string // units that were before
	enabled   []string // and are not any more
	started   []string // units that were started, and had been stopped before
	told      bool     // the service, which had not been stopped before, has taken a changed configuration
	link      string   // where kubelet's link led before a unit was started; empty: there was none
	laid      []string // files that were laid aside
	touched   bool     // something was changed that was there before
	changed   bool     // kubelet's files were
	restarted bool     // kubelet was
}

// prepare does all that can fail for want of space or permission before anything is changed.
func (r *run) prepare(ctx context.Context) error {
	if err := r.tree.makeFolder(backupFolder, 0o700); err != nil {
		return fmt.Errorf("lay the files aside as they are: %w", err)
	}
	record := &Record{
		Version: recordVersion, State: Installing, Folders: slices.Clone(r.was.Folders), Enabled: slices.Clone(r.was.Enabled), Started: slices.Clone(r.was.Started),
		KubeletUnit: r.was.KubeletUnit, NeverLed: r.was.NeverLed, Health: r.was.Health,
		FirstUnder: r.was.FirstUnder, ChangedUnder: r.was.ChangedUnder, LedUnder: r.was.LedUnder,
		Files: r.in.begun(),
	}
	var folders []string
	for _, c := range r.in.changes {
		laid, err := r.tree.keep(c.before)
		if laid != "" {
			r.laid = append(r.laid, laid)
		}
		if err != nil {
			return fmt.Errorf("lay %q aside as it is: %w", c.path, err)
		}
		missing, err := r.tree.missing(c.path)
		if err != nil {
			return err
		}
		for _, folder := range missing {
			if !slices.Contains(folders, folder) {
				folders = append(folders, folder)
			}
		}
	}
	record.Folders = append(record.Folders, folders...)
	if !r.in.leads() {
		record.RestoredUnder = r.was.RestoredUnder
	}
	if err := r.begin(ctx, record); err != nil {
		return err
	}
	for _, folder := range folders {
		if err := r.tree.makeFolder(folder, 0o755); err != nil {
			return fmt.Errorf("make folder %q: %w", folder, err)
		}
	}
	for _, c := range r.in.changes {
		if c.after == nil || c.now.sum() == c.after.sum() {
			continue
		}
		if err := r.tree.prepare(c.path, c.after); err != nil {
			return fmt.Errorf("write %q: %w", c.path, err)
		}
	}
	return nil
}

// begin writes the record, with what holds of the machine before anything is changed.
func (r *run) begin(ctx context.Context, record *Record) error {
	var err error
	if r.in.kubelet != nil {
		record.KubeletUnit, record.NeverLed = r.options.KubeletUnit, !r.was.led() && !r.in.leads()
		if record.Health, err = r.in.kubelet.health(); err != nil {
			return err
		}
	}
	if !r.options.Offline && r.in.has(Kubelet) {
		if record.ChangedUnder, err = r.property(ctx, record.KubeletUnit, "InvocationID"); err != nil {
			return fmt.Errorf("ask systemd for kubelet: %w", err)
		}
		if r.was.KubeletUnit == "" { // until now it was left alone
			record.FirstUnder = record.ChangedUnder
		}
		if r.in.leads() && !r.was.led() {
			record.LedUnder = record.ChangedUnder
		}
	}
	for _, unit := range r.in.enabled() {
		if err := r.note(ctx, record, unit); err != nil {
			return fmt.Errorf("ask systemd for %s: %w", unit, err)
		}
	}
	if err := r.tree.writeRecord(record); err != nil {
		return err
	}
	r.record = record
	return nil
}

// commit puts the files of a part in place.
func (r *run) commit(ctx context.Context, part Part) error {
	if !r.in.has(part) {
		return nil
	}
	for _, c := range r.in.changes {
		if c.part != part || c.now.sum() == c.after.sum() {
			continue
		}
		if err := r.tree.unchanged(c); err != nil {
			return fmt.Errorf("replace %q: %w", c.path, err)
		}
		r.touched, r.changed, c.replaced = true, r.changed || part == Kubelet, true
		var err error
		if c.after == nil {
			err = r.tree.remove(c.path)
		} else {
			err = r.tree.commit(c.path)
		}
		if err != nil {
			return fmt.Errorf("replace %q: %w", c.path, err)
		}
		r.tell("Wrote %s.", c.path)
	}
	return r.reload(ctx)
}

// reload makes systemd read its units.
func (i *Installer) reload(ctx context.Context) error {
	if i.options.Offline {
		return nil
	}
	_, err := i.machine.Systemctl(ctx, "daemon-reload")
	return err
}

// bringUp puts the files of cri-logshim in place, and has it enabled, and started where there
// is a machine to do so, until it answers for the runtime.
func (r *run) bringUp(ctx context.Context) error {
	changed := r.in.has(Shim) || r.was.State == Installing // which may have been cut short before it was in force
	r.touched = true
	if err := r.commit(ctx, Shim); err != nil {
		return err
	}
	units := r.in.enabled()
	r.enabled = r.disabled
	if err := r.unitFiles(ctx, "enable", units); err != nil {
		return fmt.Errorf("enable cri-logshim: %w", err)
	}
	if r.options.Offline {
		return nil
	}
	var err error
	if r.link, err = r.tree.linkTarget(r.in.config); err != nil {
		return err
	}
	for _, unit := range units {
		if err := r.start(ctx, unit, changed); err != nil {
			return fmt.Errorf("start %s: %w; its journal says more: journalctl -u %s", unit, err, unit)
		}
	}
	if !r.in.leads() {
		return nil
	}
	if err := r.linkLeads(ctx); err != nil {
		return err
	}
	err = r.until(ctx, serveTime, func(ctx context.Context) error {
		_, err := r.machine.RuntimeName(ctx, r.in.endpoint)
		return err
	})
	if err != nil {
		return fmt.Errorf("cri-logshim does not answer for the runtime at %s: %w; its journal says more: journalctl -u cri-logshim", r.in.endpoint, err)
	}
	r.tell("cri-logshim answers at %s for the runtime at %s.", r.in.endpoint, r.in.config.RuntimeEndpoint)
	return nil
}

// changeKubelet puts kubelet's files in place, and restarts it if that is wanted and needed. One
// that an earlier run has led to cri-logshim, and that is not to be led there now, is led back.
func (r *run) changeKubelet(ctx context.Context) error {
	if r.record.KubeletUnit == "" {
		return nil
	}
	ledBack := r.in.takesBack() && !r.in.leads()
	if err := r.commit(ctx, Kubelet); err != nil {
		return err
	}
	if r.options.Offline {
		return nil
	}
	r.options.KubeletUnit = r.record.KubeletUnit
	now, err := r.property(ctx, r.options.KubeletUnit, "InvocationID")
	if err != nil {
		return fmt.Errorf("ask systemd for kubelet: %w", err)
	}
	if ledBack {
		r.record.RestoredUnder = now
	}
	switch {
	case !r.changed && (r.record.ChangedUnder == "" || now != r.record.ChangedUnder):
		return nil // kubelet has been started since
	case !r.options.RestartKubelet:
		r.tell("Kubelet has not been restarted, so nothing has changed for it. When it may be, run this again with --restart-kubelet.")
		return nil
	}
	r.restarted = true
	if err := r.restartKubelet(ctx); err != nil {
		return err
	}
	switch {
	case r.in.leads():
		return r.throughShim(ctx, r.in.config, r.record.Health)
	case r.in.kubelet != nil:
		return r.healthyWith(ctx, r.record.Health, "with its rotation set aside")
	}
	return r.healthyWith(ctx, r.record.Health, asTheyWere)
}

// takeBack undoes what the run has done, the last first, and returns why. What another run
// has left half-done is undone too.
func (r *run) takeBack(ctx context.Context, why error) error {
	var err error
	switch {
	case r.record == nil && r.was.State == Absent:
		err = r.tree.removeRecord()
	case r.record == nil: // nothing was done but laid aside
		err = errors.Join(r.tree.discard(recordFile), r.dropLaid())
	case r.was.State == Absent && !r.touched:
		err = r.clear()
	case r.was.State == Installed:
		err = r.back(ctx)
	default:
		r.record.TakenBack = true
		err = r.undo(ctx, r.record, r.restarted)
	}
	if len(r.started) > 0 { // which may have led it to itself until it was stopped
		err = errors.Join(err, r.linkBack())
		if err == nil && r.link == "" && r.was.State == Absent {
			err = r.clearRun(ctx, r.in.config)
		}
	}
	if err != nil {
		return fmt.Errorf("%w\nand not all could be taken back: %w; cri-logshim node status says what is left, cri-logshim node uninstall tries again", why, err)
	}
	return fmt.Errorf("the node is as it was before: %w", why)
}

// clear takes away what was laid beside the files. It needs no space, which may be what was
// missing.
func (r *run) clear() error {
	var errs []error
	for _, c := range r.in.changes {
		errs = append(errs, r.tree.discard(c.path))
	}
	errs = append(errs, removeFolders(r.tree, r.record.Folders))
	if err := errors.Join(errs...); err != nil {
		return err // and the record stays, so that another run knows what is left
	}
	return r.tree.removeRecord()
}

// back makes the node what it was before the run, which was installed too.
func (r *run) back(ctx context.Context) error {
	errs := []error{r.filesBack(Kubelet)}
	if r.told { // before kubelet, which may have been unwell for it
		errs = append(errs, r.filesBack(Shim), r.reload(ctx), r.bringBack(ctx))
	}
	if r.restarted {
		errs = append(errs, r.reload(ctx), r.kubeletBack(ctx, r.record.Health))
	}
	if len(r.started) > 0 {
		errs = append(errs, r.linkBack()) // before nobody serves
	}
	for _, unit := range slices.Backward(r.started) {
		_, err := r.machine.Systemctl(ctx, "stop", unit)
		errs = append(errs, err)
	}
	errs = append(errs, r.unitFiles(ctx, "disable", r.enabled), r.filesBack(Shim), r.reload(ctx), r.tree.writeRecord(&r.was))
	return errors.Join(append(errs, r.dropLaid())...)
}

// dropLaid takes away what the run has laid aside.
func (r *run) dropLaid() error {
	var errs []error
	for _, path := range r.laid {
		errs = append(errs, r.tree.discard(path), r.tree.remove(path))
	}
	return errors.Join(errs...)
}

// filesBack makes the files of a part what they were before the run.
func (r *run) filesBack(part Part) error {
	var errs []error
	for _, c := range slices.Backward(r.in.changes) {
		if c.part != part || c.now.sum() == c.after.sum() {
			continue
		}
		if c.replaced {
			errs = append(errs, r.fileBack(c))
		}
		errs = append(errs, r.tree.discard(c.path))
	}
	return errors.Join(errs...)
}

// fileBack makes a file what it was before the run, unless others have written it since.
func (r *run) fileBack(c *change) error {
	now, err := r.tree.Read(c.path)
	switch {
	case err != nil || now.sum() == c.now.sum():
		return err
	case now.sum() != c.after.sum():
		return fmt.Errorf("%q was changed by others meanwhile, and is left as they have it", c.path)
	}
	return r.tree.write(c.path, c.now)
}

// errMeanwhile says that a plan does not hold any more.
var errMeanwhile = errors.New("it was changed by others since this was planned; run this again")

// unchanged is nil if a file is still what the plan was made from.
func (t *Tree) unchanged(c *change) error {
	now, err := t.Read(c.path)
	if err == nil && (now.sum() != c.now.sum() || now != nil && (now.Mode != c.now.Mode || now.UID != c.now.UID || now.GID != c.now.GID)) {
		err = errMeanwhile
	}
	return err
}
