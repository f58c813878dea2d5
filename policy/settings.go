package policy

import (
	"errors"
	"fmt"
	"io/fs"
	"os/user"
	"strconv"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/logmgr"
)

// Settings returns what a configuration says of logs. Report hears of every
// container whose annotations have problems. The error is a config.Fault about
// what only this machine can tell: that there is no such group.
func Settings(c config.Configuration, report func(logmgr.Container, []Problem)) (logmgr.Settings, error) {
	files, err := files(c.Files)
	if err != nil {
		return logmgr.Settings{}, err
	}
	resolver := New(c, nil)
	return logmgr.Settings{
		PolicyOf: func(container logmgr.Container) logmgr.Policy {
			res := resolver.Resolve(container)
			if len(res.Problems) > 0 {
				report(container, res.Problems)
			}
			return res.Policy()
		},
		Files: files,
		Node: logmgr.Node{
			MaxBytes:      int64(c.Node.MaxBytes),
			MinFree:       logmgr.Floor(c.Node.MinFree),
			MinFreeInodes: logmgr.Floor(c.Node.MinFreeInodes),
		},
	}, nil
}

// Check is the config.Check for what a configuration names and only this machine can
// tell.
func Check(c config.Configuration) []config.Fault {
	_, err := files(c.Files)
	if fault, found := errors.AsType[config.Fault](err); found {
		return []config.Fault{fault}
	}
	return nil
}

func files(f config.Files) (logmgr.Files, error) {
	files := logmgr.Files{Mode: fs.FileMode(f.Mode)}
	if f.Group == "" {
		return files, nil
	}
	group, err := groupID(f.Group)
	if err != nil {
		return logmgr.Files{}, config.Fault{Path: "files.group", Message: err.Error()}
	}
	files.Group = &group
	return files, nil
}

// groupID returns the number of a group. A number needs no entry in the
// machine's list: containers may have groups that the node does not know.
func groupID(group string) (int, error) {
	if id, err := strconv.ParseUint(group, 10, 31); err == nil {
		return int(id), nil
	}
	found, err := user.LookupGroup(group)
	if err != nil {
		return 0, fmt.Errorf("must be a group of this machine: %w", err)
	}
	return strconv.Atoi(found.Gid)
}
