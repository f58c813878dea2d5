package install

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
)

// Where the record of an installation lies, and beside it the files as they were, by the
// SHA-256 of their content.
const (
	stateFolder  = "/var/lib/cri-logshim"
	backupFolder = stateFolder + "/backup"
	recordFile   = stateFolder + "/install.json"
)

// State is how far an installation has come.
type State string

// The states. A run that is cut short leaves Installing or Removing; the next one, of either
// kind, begins where it ended.
const (
	Absent     State = "absent" // there is no record
	Installing State = "installing"
	Installed  State = "installed"
	Removing   State = "removing"
)

// Part says what a file belongs to.
type Part string

// The parts of an installation. The shim is in place and serves before kubelet is led to it.
const (
	Shim    Part = "cri-logshim"
	Kubelet Part = "kubelet"
)

// recordVersion is the version of the record's form.
const recordVersion = 1

// Record is what was changed on a node, written down before it is done.
type Record struct {
	Version int       `json:"version"`
	State   State     `json:"state"`
	Files   []Changed `json:"files"`
	// Folders were made, outermost first.
	Folders []string `json:"folders,omitempty"`
	// Enabled are the units that were not enabled before.
	Enabled []string `json:"enabled,omitempty"`
	// Started are the units that were stopped before.
	Started []string `json:"started,omitempty"`
	// KubeletUnit is kubelet's unit; empty: kubelet was left alone.
	KubeletUnit string `json:"kubeletUnit,omitempty"`
	// NeverLed says that kubelet's files have never led to cri-logshim: only its rotation was
	// set aside.
	NeverLed bool `json:"neverLed,omitempty"`
	// FirstUnder and ChangedUnder are the invocations of kubelet's unit that ran when its files
	// were changed first and last. The first was never started with our settings, and as long as
	// the last runs, what was changed is not in force.
	FirstUnder   string `json:"firstUnder,omitempty"`
	ChangedUnder string `json:"changedUnder,omitempty"`
	// LedUnder and RestoredUnder are those that ran when kubelet was first led to cri-logshim,
	// and when it was last led back: as long as the latter runs, it may need cri-logshim, and the
	// former never did.
	LedUnder      string `json:"ledUnder,omitempty"`
	RestoredUnder string `json:"restoredUnder,omitempty"`
	// TakenBack says that it is removed since it has failed, and nobody has asked for that.
	TakenBack bool `json:"takenBack,omitempty"`
	// Health is the address of kubelet's health check; empty: it has none.
	Health string `json:"health,omitempty"`
}

// Changed is a file that was changed.
type Changed struct {
	Path string `json:"path"`
	Part Part   `json:"part"`
	// Before and After are the SHA-256 of its content; empty: it was not there.
	Before string `json:"before,omitempty"`
	After  string `json:"after"`
	// Earlier is that of what an earlier installation has made of it, as long as it may not have
	// been replaced yet; empty: nothing else than Before or After.
	Earlier string `json:"earlier,omitempty"`
	// Mode, UID and GID are those from before.
	Mode fs.FileMode `json:"mode,omitempty"`
	UID  int         `json:"uid,omitempty"`
	GID  int         `json:"gid,omitempty"`
	// Settings are what was changed in it; none: the whole file is ours.
	Settings []Setting `json:"settings,omitempty"`
}

// Setting is one setting in a file.
type Setting struct {
	Key string `json:"key"` // or the flag
	// Old is the value before; nil: there was none.
	Old *string `json:"old,omitempty"`
	New string  `json:"new"`
}

// led says whether a kubelet may run, or be started by its files, that needs cri-logshim.
func (r *Record) led() bool { return r.KubeletUnit != "" && !r.NeverLed }

// readRecord returns the record of the node; an empty one if there is none.
func (t *Tree) readRecord() (*Record, error) {
	f, err := t.Read(recordFile)
	if err != nil {
		return nil, fmt.Errorf("read the record of the installation: %w", err)
	}
	r := &Record{Version: recordVersion, State: Absent}
	if f == nil {
		return r, nil
	}
	if err := json.Unmarshal(f.Text, r); err != nil {
		return nil, fmt.Errorf("read the record of the installation %q: %w; the files as they were are in %s", recordFile, err, backupFolder)
	}
	if r.Version != recordVersion {
		return nil, fmt.Errorf("the record of the installation %q is of version %d, this program knows %d; use the one that installed", recordFile, r.Version, recordVersion)
	}
	return r, nil
}

func (t *Tree) writeRecord(r *Record) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err == nil {
		err = t.write(recordFile, &File{Text: append(text, '\n'), Mode: 0o600})
	}
	if err != nil {
		return fmt.Errorf("write the record of the installation: %w", err)
	}
	return nil
}

// removeRecord removes the record and what lies beside it.
func (t *Tree) removeRecord() error {
	names, err := t.list(backupFolder)
	errs := []error{err}
	for _, name := range names {
		errs = append(errs, t.remove(path.Join(backupFolder, name)))
	}
	// The record last: until then the next run knows that something is left.
	errs = append(errs, t.remove(backupFolder))
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("remove the files as they were: %w", err)
	}
	if err := errors.Join(t.discard(recordFile), t.remove(recordFile), t.remove(stateFolder)); err != nil {
		return fmt.Errorf("remove the record of the installation: %w", err)
	}
	return nil
}

// keep lays a file aside as it is, and returns where; empty: it lies there already.
func (t *Tree) keep(f *File) (laid string, err error) {
	if f == nil {
		return "", nil
	}
	name := path.Join(backupFolder, f.sum())
	if kept, err := t.Read(name); err == nil && kept.sum() == f.sum() {
		return "", nil
	}
	return name, t.write(name, &File{Text: f.Text, Mode: 0o600})
}

// kept returns a file as it was before it was changed; nil: it was not there.
func (t *Tree) kept(c *Changed) (*File, error) {
	if c.Before == "" {
		return nil, nil //nolint:nilnil // Absence is an answer here.
	}
	if _, err := hex.DecodeString(c.Before); err != nil {
		return nil, fmt.Errorf("read the record of %q: %w", c.Path, err)
	}
	f, err := t.Read(path.Join(backupFolder, c.Before))
	if err != nil {
		return nil, fmt.Errorf("read %q as it was: %w", c.Path, err)
	}
	if f.sum() != c.Before {
		return nil, fmt.Errorf("read %q as it was: %s/%s is missing or damaged", c.Path, backupFolder, c.Before)
	}
	f.Mode, f.UID, f.GID = c.Mode, c.UID, c.GID
	return f, nil
}
