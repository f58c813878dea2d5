package logmgr

import (
	"slices"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
)

const (
	// healAfter is how long what somebody else has left unfinished is given to be
	// finished. kubelet removes it itself, but only at its own next rotation.
	healAfter = time.Minute
	// mostStrangers bounds how many names one message has.
	mostStrangers = 10
)

// notice deals with what other rotators, or a crash of theirs, have left among a
// history's files. What can be finished is; what cannot be told is left alone and
// said once.
func (m *Manager) notice(h *history, logs []logfile.Log) {
	if slices.ContainsFunc(logs, unfinished) {
		// Healing is the compressor's, since only it knows what of that is its own.
		m.mail.post(func(r *registry) { r.want(&h.compression, healAfter) })
	}
	if h.toldStrangers {
		return
	}
	var names []string
	for _, log := range logs {
		names = append(names, strangers(log)...)
	}
	if len(names) == 0 {
		return
	}
	h.toldStrangers = true
	h.log().WithFields(logrus.Fields{"files": names[:min(len(names), mostStrangers)], "number": len(names)}).
		Info("files beside the container's log are not its rotated files, or not safe to touch: they are left alone")
}

// unfinished tells whether there is an interrupted compression of a log: a temporary
// file, or a file both plain and compressed. Either may also be under way.
func unfinished(log logfile.Log) bool {
	for i := 1; i < len(log.Rotated); i++ {
		if log.Rotated[i].Stamp == log.Rotated[i-1].Stamp {
			return true
		}
	}
	return len(log.Temporary) > 0
}

// strangers are the names of files that nobody here may remove.
func strangers(log logfile.Log) []string {
	var names []string
	for _, f := range log.Foreign {
		if f.Name != log.Name+".tmp" { // conmon's, which reopens the log by way of it
			names = append(names, f.Name)
		}
	}
	for _, name := range log.Unsafe {
		if name != log.Name { // whoever tends it complains of that
			names = append(names, name)
		}
	}
	return names
}
