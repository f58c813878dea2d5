package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
	"github.com/cri-logshim/cri-logshim/logmgr/logname"
	"github.com/cri-logshim/cri-logshim/logreader"
)

// ByID implements logreader.Finder: by the names of the links in LinksDir, and where these lead.
// There is one for each attempt that the runtime has not removed yet.
func (d *Disk) ByID(_ context.Context, prefix string) (found []logreader.Identified, err error) {
	if d.o.LinksDir == "" {
		return nil, nil
	}
	dir, err := os.Open(d.o.LinksDir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("list links to logs: %w", err)
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	for {
		names, err := dir.Readdirnames(256)
		for _, name := range names {
			if one, ok := d.identify(name, prefix); ok {
				found = append(found, one)
			}
		}
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return nil, fmt.Errorf("list links to logs: %w", err)
		}
	}
}

// identify reads whose log the link name leads to. The link says which pod, its name does not.
func (d *Disk) identify(name, prefix string) (logreader.Identified, bool) {
	_, _, _, id, ok := logfile.ParseLegacyLinkName(name)
	if !ok || !strings.HasPrefix(id, prefix) {
		return logreader.Identified{}, false
	}
	target, err := os.Readlink(d.o.LinksDir + "/" + name)
	if err != nil {
		return logreader.Identified{}, false
	}
	parts := strings.Split(target, "/")
	if len(parts) < 3 {
		return logreader.Identified{}, false
	}
	parts = parts[len(parts)-3:]
	pod, known := logreader.ParsePod(parts[0])
	attempt, isLog := logname.ParseCurrent(parts[2])
	if !known || !isLog {
		return logreader.Identified{}, false
	}
	return logreader.Identified{Container: logreader.Container{Pod: pod, Name: parts[1]}, ID: id, Attempt: attempt}, true
}
