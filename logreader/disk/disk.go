// Package disk is the logs of a node as they lie on its disk: in kubelet's podLogsDir, in the
// directory in which cri-logshim keeps those of removed pods, and where Docker has them behind
// the links in podLogsDir. It changes nothing, needs no daemon and no runtime, and follows no
// link but those to Docker's files and the flat ones in /var/log/containers, of which it reads
// the names alone.
package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync/atomic"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
	"github.com/cri-logshim/cri-logshim/logreader"
)

// Options are where logs are.
type Options struct {
	// PodLogsDir is kubelet's.
	PodLogsDir string
	// KeepDir is where logs of removed pods are kept; empty: nowhere.
	KeepDir string
	// LinksDir is where kubelet links logs under names with container ids; empty: nowhere.
	LinksDir string
}

// Disk is a logreader.Source, and a logreader.Finder.
type Disk struct {
	o          Options
	live, kept *logfile.Root // kept is nil if nothing is
	watched    atomic.Int32  // bells that there are
}

// Open opens the directories. That of kept logs may be missing.
func Open(o Options) (*Disk, error) {
	live, err := logfile.OpenRoot(o.PodLogsDir)
	if err != nil {
		return nil, err
	}
	live.TrustSecondNames()
	d := &Disk{o: o, live: live}
	if o.KeepDir == "" {
		return d, nil
	}
	kept, err := logfile.OpenRoot(o.KeepDir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, errors.Join(err, live.Close())
	default:
		kept.TrustSecondNames()
		d.kept = kept
	}
	return d, nil
}

// Close closes the directories.
func (d *Disk) Close() error {
	err := d.live.Close()
	if d.kept != nil {
		err = errors.Join(err, d.kept.Close())
	}
	return err
}

// roots are the directories that hold logs.
func (d *Disk) roots() []*logfile.Root {
	if d.kept == nil {
		return []*logfile.Root{d.live}
	}
	return []*logfile.Root{d.live, d.kept}
}

// Pods implements logreader.Source.
func (d *Disk) Pods(_ context.Context) ([]logreader.Pod, error) {
	names, err := d.directories(".")
	return logreader.PodsOf(names), err
}

// Containers implements logreader.Source.
func (d *Disk) Containers(_ context.Context, p logreader.Pod) ([]string, error) {
	dir, err := logfile.PodDirName(p.Namespace, p.Name, p.UID)
	if err != nil {
		return nil, err
	}
	return d.directories(dir)
}

// directories lists the directories in rel below all roots, each name once. One that is nowhere
// is empty.
func (d *Disk) directories(rel string) ([]string, error) {
	var all []string
	for _, root := range d.roots() {
		names, err := root.Dirs(rel)
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, logfile.ErrUnsafe) {
			return nil, err
		}
		all = append(all, names...)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// directory is a container's log directory below either root.
func directory(c logreader.Container) (string, error) {
	pod, err := logfile.PodDirName(c.Namespace, c.Pod.Name, c.UID)
	if err != nil {
		return "", err
	}
	if _, err := logfile.ContainerLogPath(c.Name, 0); err != nil {
		return "", fmt.Errorf("log directory of container %q: %w", c.Name, err)
	}
	return pod + "/" + c.Name, nil
}
