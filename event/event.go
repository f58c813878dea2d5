// Package event names what is worth a line in the journal, so that a program can wait for it:
// each kind of event has a reason, which is a word, and an id, which is systemd's MESSAGE_ID.
// A line of the daemon's log is an event if it has a reason; the rest of the line is as of any
// other. The package knows nothing of what the events are about, nor where the log goes.
package event

import "github.com/sirupsen/logrus"

// The fields of a log entry that are told apart wherever events are shown.
const (
	// FieldReason has the Reason of an event as a string. An entry without it is none.
	FieldReason = "reason"
	// FieldNamespace, FieldPod and FieldContainer name whose log it is about, if it is about one.
	FieldNamespace = "namespace"
	FieldPod       = "pod"
	FieldContainer = "container"
)

// On returns a logger whose entries are events of this kind.
func (r Reason) On(log logrus.FieldLogger) logrus.FieldLogger {
	return log.WithField(FieldReason, string(r))
}

// Of returns the reason of an entry; empty: it is no event.
func Of(entry *logrus.Entry) Reason {
	reason, is := entry.Data[FieldReason].(string)
	if !is {
		return ""
	}
	return Reason(reason)
}
