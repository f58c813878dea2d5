package install

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Times that a step of an installation may take.
const (
	serveTime = 30 * time.Second // until cri-logshim answers for the runtime
	pollPause = 500 * time.Millisecond
)

// Installer installs and uninstalls on one node.
type Installer struct {
	tree    *Tree
	machine Machine
	options Options
	out     io.Writer // tells what is done
	// sleep is the clock.
	sleep func(ctx context.Context, d time.Duration) error
}

// New returns an installer of a node's files and of the running machine around them, which is
// asked nothing if Options.Offline. What is done is told to out, in lines.
func New(tree *Tree, machine Machine, o Options, out io.Writer) *Installer {
	return &Installer{tree: tree, machine: machine, options: o, out: out, sleep: sleep}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Install installs, or completes an installation, or brings it up to date. After an error the
// node is as it was before, unless the error says otherwise.
func (i *Installer) Install(ctx context.Context) (err error) {
	if err := i.fitOptions(); err != nil {
		return err
	}
	if i.options.DryRun {
		_, err := i.intend(ctx)
		return err
	}
	held, err := i.lock()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, held.Close()) }()
	in, err := i.intend(ctx)
	if err != nil {
		return errors.Join(err, removeFolders(i.tree, held.made))
	}
	return i.carryOut(ctx, in)
}

// intend plans an installation and shows the plan.
func (i *Installer) intend(ctx context.Context) (*intent, error) {
	record, err := i.tree.readRecord()
	if err != nil {
		return nil, err
	}
	switch record.State {
	case Installing:
		i.tell("An installation was begun and not finished; it is completed.")
	case Removing:
		return nil, errRemoving(record)
	case Absent, Installed:
	}
	in, err := i.makePlan(ctx, record)
	if err != nil {
		return nil, err
	}
	steps, err := i.installSteps(ctx, in)
	if err != nil {
		return nil, err
	}
	i.show(in.plan, steps)
	return in, nil
}

// errRemoving says what has begun to take an installation back.
func errRemoving(record *Record) error {
	if record.TakenBack {
		return errors.New("an installation has failed and could not be taken back wholly; finish that first: cri-logshim node uninstall --restart-kubelet")
	}
	return errors.New("an uninstallation was begun and not finished; finish it first: cri-logshim node uninstall")
}

// carryOut does what is planned, in this order:
//
//	files as they were laid aside → record written (installing) → new files laid beside the
//	old ones → those of cri-logshim put in place → cri-logshim serves → those of kubelet put
//	in place → kubelet restarted and healthy, if it is to be → record written (installed)
//
// Whatever fails, all before it is taken back. Where it is cut short, the record tells the
// next run, and the files tell how far it has come.
func (i *Installer) carryOut(ctx context.Context, in *intent) error {
	r := &run{Installer: i, in: in, was: *in.record}
	err := r.prepare(ctx)
	if err == nil {
		err = r.bringUp(ctx)
	}
	if err == nil {
		err = r.changeKubelet(ctx)
	}
	if err != nil {
		i.tell("It has failed, and is taken back.")
		// What has begun to be taken back is taken back, also when the operator has no
		// patience any more.
		return r.takeBack(context.WithoutCancel(ctx), err)
	}
	r.record.State, r.record.Files = Installed, in.recorded()
	if err := i.tree.writeRecord(r.record); err != nil {
		return fmt.Errorf("all is done but for the record of it (run this again): %w", err)
	}
	i.tell("Installed.")
	return nil
}

func (i *Installer) tell(format string, args ...any) { fmt.Fprintf(i.out, format+"\n", args...) }

// held is the lock on the folder of the record.
type held struct {
	io.Closer
	made []string // folders that were made for it, outermost first
}

// lock keeps other installers out until it is closed, and makes the folder of the record.
func (i *Installer) lock() (_ *held, err error) {
	folders, err := i.tree.missing(recordFile)
	if err != nil {
		return nil, err
	}
	for at, folder := range folders {
		mode := fs.FileMode(0o755)
		if folder == stateFolder {
			mode = 0o700
		}
		if err := i.tree.makeFolder(folder, mode); err != nil {
			return nil, errors.Join(fmt.Errorf("make a folder for the record: %w", err), removeFolders(i.tree, folders[:at]))
		}
	}
	place, err := i.tree.real(stateFolder)
	if err != nil {
		return nil, err
	}
	dir, err := os.Open(place)
	if err != nil {
		return nil, fmt.Errorf("open the folder of the record: %w", err)
	}
	err = unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		err = stillThere(dir, place)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %q: %w; does another one install or uninstall?", stateFolder, err), dir.Close())
	}
	return &held{dir, folders}, nil
}

// stillThere is nil if a folder that was opened is the one at its place: whoever held its lock
// before may have removed it.
func stillThere(dir *os.File, place string) error {
	opened, err := dir.Stat()
	if err != nil {
		return err
	}
	there, err := os.Stat(place)
	if err == nil && !os.SameFile(opened, there) {
		err = errors.New("it has just been replaced")
	}
	return err
}

// property is a property of a unit, in the words of "systemctl show".
func (i *Installer) property(ctx context.Context, unit, name string) (string, error) {
	text, err := i.machine.Systemctl(ctx, "show", "--property="+name, "--value", unit)
	return strings.TrimSpace(text), err
}

// until asks again and again until there is no error or a time is over, whose last error it
// returns.
func (i *Installer) until(ctx context.Context, limit time.Duration, ask func(ctx context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		err := ask(limited)
		if err == nil {
			return nil
		}
		if late := i.sleep(limited, pollPause); late != nil {
			if cause := context.Cause(ctx); cause != nil {
				return fmt.Errorf("%w (until this was ended: %w)", err, cause)
			}
			return fmt.Errorf("%w (after %v)", err, limit)
		}
	}
}
