// Package logcmd is what the commands that show logs have in common, on a node and from afar:
// their flags, which logs are meant by what a person types, and the way from a source of logs to
// the screen. How lines look is logprint's business.
package logcmd

import (
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/cri-logshim/cri-logshim/logmgr/logline"
	"github.com/cri-logshim/cri-logshim/logreader"
)

// UsageError is a command line that cannot be meant as it stands.
type UsageError struct{ Err error }

func (e *UsageError) Error() string { return e.Err.Error() }

// Unwrap is what is wrong with it.
func (e *UsageError) Unwrap() error { return e.Err }

func misuse(format string, args ...any) error { return &UsageError{fmt.Errorf(format, args...)} }

// Flags are the flags that choose logs and lines.
type Flags struct {
	flags *pflag.FlagSet

	namespace, container, uid, selector string
	allContainers                       bool

	follow, previous               bool
	tail                           int64
	since, sinceTime, until, which string
	attempt                        uint32
}

// selectorTail is how many lines of each container are shown if they are chosen by labels and
// nobody asks for a number, as kubectl has it.
const selectorTail = 10

// AddFlags adds the flags to those of a command.
func AddFlags(flags *pflag.FlagSet) *Flags {
	f := &Flags{flags: flags}
	flags.StringVarP(&f.namespace, "namespace", "n", "", "look for pods in this `namespace` only")
	flags.StringVarP(&f.container, "container", "c", "", "show the logs of this `container`")
	flags.BoolVar(&f.allContainers, "all-containers", false, "show the logs of all containers of the pod, in the order of their times")
	flags.StringVar(&f.uid, "uid", "", "of several pods that have had the name one after the other, show the one whose `UID` begins like this instead of the newest")
	flags.StringVarP(&f.selector, "selector", "l", "", "show the logs of all pods with these `labels`, such as app=web,tier!=test; of each container the last 10 lines, unless --tail says otherwise")
	flags.BoolVarP(&f.follow, "follow", "f", false, "wait for more lines, across rotations and restarts, until the pod is removed")
	flags.BoolVarP(&f.previous, "previous", "p", false, "show the attempt of the container before the last one only")
	flags.Uint32Var(&f.attempt, "attempt", 0, "show this attempt of the container only; the first has the `number` 0")
	flags.Int64Var(&f.tail, "tail", logreader.All, "show this `number` of the last lines only; -1 shows all")
	flags.StringVar(&f.since, "since", "", "show lines from a `time` on: so long ago, such as 90m, or 2026-01-31T15:04:05Z")
	flags.StringVar(&f.sinceTime, "since-time", "", "show lines from this `time` on, such as 2026-01-31T15:04:05Z")
	flags.StringVar(&f.until, "until", "", "show lines up to a `time`: so long ago, such as 30m, or 2026-01-31T15:04:05Z")
	flags.StringVar(&f.which, "stream", "", "show lines of one `stream` only: stdout or stderr")
	return f
}

// Options are what the flags ask for at the time now. An error is a *UsageError.
func (f *Flags) Options(now time.Time) (logreader.Options, error) {
	o := logreader.Options{Follow: f.follow, Previous: f.previous, Tail: f.tail}
	switch {
	case f.tail < logreader.All:
		return o, misuse("--tail %d: must be a number of lines, or -1 for all", f.tail)
	case f.flags.Changed("since") && f.flags.Changed("since-time"):
		return o, misuse("--since and --since-time are the same bound: give one of them")
	case f.previous && f.flags.Changed("attempt"):
		return o, misuse("--previous and --attempt both choose an attempt: give one of them")
	case f.selector != "" && !f.flags.Changed("tail"):
		o.Tail = selectorTail
	}
	if f.flags.Changed("attempt") {
		o.Attempt = &f.attempt
	}
	switch f.which {
	case "":
	case logline.Stdout.String():
		o.Stream = logline.Stdout
	case logline.Stderr.String():
		o.Stream = logline.Stderr
	default:
		return o, misuse("--stream %q: must be stdout or stderr", f.which)
	}
	return f.bounds(o, now)
}

// bounds adds the bounds of time.
func (f *Flags) bounds(o logreader.Options, now time.Time) (_ logreader.Options, err error) {
	if o.Since, err = parseBound("since", f.since, now); err != nil {
		return o, err
	}
	if f.sinceTime != "" {
		if o.Since, err = parseBound("since-time", f.sinceTime, time.Time{}); err != nil {
			return o, err
		}
	}
	if o.Until, err = parseBound("until", f.until, now); err != nil {
		return o, err
	}
	if !o.Until.IsZero() && o.Until.Before(o.Since) {
		return o, misuse("--until is before --since, so there can be no line between them")
	}
	return o, nil
}

// parseBound reads a time, or how long ago one is, unless now is zero.
func parseBound(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	if now.IsZero() {
		return time.Time{}, misuse("--%s %q: must be a time such as 2026-01-31T15:04:05Z", flag, text)
	}
	ago, err := time.ParseDuration(text)
	if err != nil || ago < 0 {
		return time.Time{}, misuse("--%s %q: must be how long ago, such as 90m or 2h30m, or a time such as 2026-01-31T15:04:05Z", flag, text)
	}
	return now.Add(-ago), nil
}
