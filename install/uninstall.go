package install

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"syscall"
)

// Uninstall takes back all that is recorded, and completes an uninstallation, or undoes an
// installation, that was cut short. Files that nobody has changed since become what they were,
// byte for byte; from others only our settings are taken out. After an error it can be run
// again.
func (i *Installer) Uninstall(ctx context.Context) (err error) {
	if err := i.fitOptions(); err != nil {
		return err
	}
	there, err := i.hasState()
	if err != nil {
		return err
	}
	if there && !i.options.DryRun {
		held, err := i.lock()
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, held.Close()) }()
	}
	record, err := i.tree.readRecord()
	if err != nil {
		return err
	}
	if !there || record.State == Absent {
		return i.clean(there)
	}
	p, err := i.planRemoval(record)
	if err != nil {
		return err
	}
	if record.KubeletUnit != "" {
		i.options.KubeletUnit = record.KubeletUnit
	}
	i.noteRotation(ctx, p)
	i.show(p, i.removalSteps(record, p))
	if i.options.DryRun {
		return nil
	}
	c := i.configInForce(&Status{}) // which may go with the installation
	if err := i.undo(ctx, record, false); err != nil {
		return err
	}
	if err := i.clearRun(ctx, c); err != nil {
		return fmt.Errorf("all is taken back but for what lies in /run, which the next boot takes away: %w", err)
	}
	if p.left() {
		i.tell("Uninstalled. The node's files are as they were, but for what others have changed.")
	} else {
		i.tell("Uninstalled. The node's files are as they were.")
	}
	return nil
}

// noteRotation says that nobody will rotate logs, where kubelet's own rotation is off by somebody
// else's hand, as mode manage needs it.
func (i *Installer) noteRotation(ctx context.Context, p *plan) {
	k, err := i.tree.findKubelet(p.read, i.options.KubeletUnit, i.runningKubelet(ctx))
	if err != nil {
		return // there is none, or nothing to be told of it
	}
	if off, err := k.rotationOff(); err == nil && off != "" {
		p.note(fmt.Sprintf("kubelet's own rotation stays off, by %s in %s, which this installation has not set: without cri-logshim nobody rotates logs; set it as it is to be, and restart kubelet", kubeletRotation().key, off))
	}
}

// hasState says whether an installation, or one that was cut short, has left anything.
func (i *Installer) hasState() (bool, error) {
	names, err := i.tree.list(path.Dir(stateFolder))
	return slices.Contains(names, path.Base(stateFolder)), err
}

// clean takes away what a run has laid down that was cut short before it changed anything, or
// after it had taken back everything.
func (i *Installer) clean(there bool) error {
	i.tell("Nothing is installed here by this command.")
	if !there || i.options.DryRun {
		return nil
	}
	return i.tree.removeRecord()
}

// undo takes back all that is recorded. restarted says that kubelet was restarted with our
// settings, and needs another restart whatever its unit says of it.
func (i *Installer) undo(ctx context.Context, record *Record, restarted bool) error {
	p, err := i.planRemoval(record)
	if err != nil {
		return err
	}
	record.State = Removing
	if p.has(Kubelet) {
		record.ChangedUnder = "" // of an earlier time
	}
	if p.takesBack() {
		record.RestoredUnder = ""
	}
	if err := i.tree.writeRecord(record); err != nil {
		return err
	}
	if err := i.restore(ctx, p, Kubelet); err != nil {
		return err
	}
	if err := i.freeKubelet(ctx, record, restarted); err != nil {
		return err
	}
	if err := i.stop(ctx, record); err != nil {
		return err
	}
	if err := errors.Join(i.restore(ctx, p, Shim), removeFolders(i.tree, record.Folders)); err != nil {
		return err
	}
	outlives, err := i.outlives(ctx, record)
	if err == nil && outlives {
		err = i.bringBack(ctx)
	}
	if err != nil {
		return fmt.Errorf("have cri-logshim take its configuration from before: %w", err)
	}
	return i.tree.removeRecord()
}

// planRemoval plans that all is as it was.
func (i *Installer) planRemoval(record *Record) (*plan, error) {
	p := &plan{tree: i.tree, record: record}
	for _, c := range record.Files {
		now, err := i.tree.Read(c.Path)
		if err != nil {
			return nil, err
		}
		before, err := i.tree.original(&c, now)
		if err != nil {
			return nil, err
		}
		p.noteFate(&c, now, before)
		p.changes = append(p.changes, &change{path: c.Path, part: c.Part, before: before, now: now, after: before, dropped: &c})
	}
	return p, nil
}

// noteFate notes what others have done to a file since, and what therefore stays.
func (p *plan) noteFate(c *Changed, now, before *File) {
	fate := c.fate(now)
	switch {
	case fate == Gone && c.Before != "":
		p.note(c.Path + " was removed since, and stays so")
	case fate == Foreign && now.sum() == before.sum():
		p.note(c.Path + " was changed since, and is left as it is")
	case fate == Foreign:
		p.note(c.Path + " was changed since; only our settings are taken out of it")
	}
	if c.given(now) {
		p.note(fmt.Sprintf("%s was given another mode or owner since, and keeps it: %v, %d:%d", c.Path, now.Mode, now.UID, now.GID))
	}
}

// left says whether anything stays that others have changed.
func (p *plan) left() bool {
	return slices.ContainsFunc(p.changes, func(c *change) bool {
		if c.dropped == nil {
			return false
		}
		fate := c.dropped.fate(c.now)
		return fate == Foreign || fate == Gone && c.dropped.Before != "" || c.dropped.given(c.now)
	})
}

// restore makes the files of a part what they were, and takes away what an installation that
// was cut short has laid beside them.
func (i *Installer) restore(ctx context.Context, p *plan, part Part) error {
	for _, c := range p.changes {
		if c.part != part {
			continue
		}
		done, err := i.restoreFile(c)
		if err != nil {
			return fmt.Errorf("restore %q: %w; when there is space and permission, run this again", c.path, err)
		}
		if done != "" {
			i.tell("%s %s.", done, c.path)
		}
		if err := i.tree.discard(c.path); err != nil {
			return fmt.Errorf("restore %q: %w", c.path, err)
		}
	}
	return i.reload(ctx)
}

// restoreFile makes a file what it was. What others have written since the plan was made, which
// may be long ago, stays.
func (i *Installer) restoreFile(c *change) (done string, err error) {
	now, err := i.tree.Read(c.path)
	if err != nil {
		return "", err
	}
	before, err := i.tree.original(c.dropped, now)
	if err != nil || before.sum() == now.sum() {
		return "", err
	}
	done = "Restored"
	if before == nil {
		done = "Removed"
	}
	return done, i.tree.write(c.path, before)
}

// freeKubelet makes kubelet speak to the runtime itself, and rotate logs, now that its files say so.
// As long as one runs that may have been started with cri-logshim's endpoint, cri-logshim has to
// stay; one that was not goes on as it is until it is restarted.
func (i *Installer) freeKubelet(ctx context.Context, record *Record, restarted bool) error {
	if record.KubeletUnit == "" || i.options.Offline {
		return nil
	}
	now, err := i.noteInvocation(ctx, record)
	if err != nil {
		return fmt.Errorf("find out which kubelet runs: %w", err)
	}
	if restarted {
		return i.kubeletBack(ctx, record.Health)
	}
	active, err := i.property(ctx, record.KubeletUnit, "ActiveState")
	if err != nil {
		return fmt.Errorf("ask systemd for kubelet: %w", err)
	}
	needs := record.led() && now == record.RestoredUnder && (record.LedUnder == "" || now != record.LedUnder)
	has := now == record.ChangedUnder && (record.FirstUnder == "" || now != record.FirstUnder)
	switch {
	case active == "inactive" || active == "failed" || !needs && !has:
		return nil
	case i.options.RestartKubelet:
		return i.kubeletBack(ctx, record.Health)
	case needs:
		return errStillThere
	}
	i.tell("Kubelet has not been restarted: until it is, its rotation of logs stays set aside.")
	return nil
}

// noteInvocation returns the invocation of kubelet's unit that runs, and records that its files
// were restored under it, where that was not done before.
func (i *Installer) noteInvocation(ctx context.Context, record *Record) (string, error) {
	now, err := i.property(ctx, record.KubeletUnit, "InvocationID")
	if err != nil {
		return "", err
	}
	if record.ChangedUnder == "" {
		record.ChangedUnder = now
	}
	if record.RestoredUnder == "" {
		record.RestoredUnder = now
	}
	return now, i.tree.writeRecord(record)
}

// removeFolders removes folders that were made, the innermost first, as far as nobody else has
// put something there.
func removeFolders(t *Tree, folders []string) error {
	var errs []error
	for _, folder := range slices.Backward(folders) {
		if err := t.remove(folder); err != nil && !errors.Is(err, syscall.ENOTEMPTY) && !errors.Is(err, fs.ErrExist) {
			errs = append(errs, fmt.Errorf("remove folder %q: %w", folder, err))
		}
	}
	return errors.Join(errs...)
}
