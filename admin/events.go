package admin

import (
	"context"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/sirupsen/logrus"

	"github.com/cri-logshim/cri-logshim/admin/api"
	"github.com/cri-logshim/cri-logshim/event"
)

const (
	mostEvents  = 1000
	mostErrors  = 20
	mostMessage = 2 << 10 // bytes of a message, so that all events together have a bound too
)

// Events are the last things that were worth a line: warnings, errors, and whatever has a reason.
// It is a hook of the daemon's logger. Its methods may be called by several goroutines at once.
type Events struct {
	mu     sync.Mutex
	events []api.Event // the oldest first, without gaps in their sequence
	next   uint64      // of the latest event; the first has 1
	errors []api.Event // the latest first
	more   chan struct{}
	// rotators is when somebody else was last seen to rotate; zero: never.
	rotators time.Time
}

// NewEvents returns a list in which there is nothing yet.
func NewEvents() *Events { return &Events{more: make(chan struct{})} }

// Levels implements logrus.Hook.
func (e *Events) Levels() []logrus.Level {
	return []logrus.Level{logrus.PanicLevel, logrus.FatalLevel, logrus.ErrorLevel, logrus.WarnLevel, logrus.InfoLevel}
}

// Fire implements logrus.Hook. It never fails, and waits for nobody.
func (e *Events) Fire(entry *logrus.Entry) error {
	reason := event.Of(entry)
	if entry.Level == logrus.InfoLevel && reason == "" {
		return nil
	}
	field := func(name string) string {
		text, _ := entry.Data[name].(string)
		return bounded(text)
	}
	one := api.Event{
		Time: entry.Time, Level: levelOf(entry.Level), Reason: string(reason), Message: messageOf(entry),
		Namespace: field(event.FieldNamespace), Pod: field(event.FieldPod), Container: field(event.FieldContainer), Count: 1,
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if reason == event.OtherRotator {
		e.rotators = one.Time
	}
	e.add(one)
	close(e.more)
	e.more = make(chan struct{})
	return nil
}

// add takes an event up. What was said just before takes its new place, and is counted.
func (e *Events) add(one api.Event) {
	e.next++
	one.Sequence = e.next
	if last := len(e.events) - 1; last >= 0 && same(e.events[last], one) {
		one.Count = e.events[last].Count + 1
		e.events = e.events[:last]
	}
	if len(e.events) == mostEvents {
		e.events = append(e.events[:0], e.events[1:]...)
	}
	e.events = append(e.events, one)
	if one.Level == levelOf(logrus.InfoLevel) {
		return
	}
	if len(e.errors) > 0 && same(e.errors[0], one) {
		one.Count = e.errors[0].Count + 1
		e.errors = e.errors[1:]
	}
	e.errors = append([]api.Event{one}, e.errors[:min(len(e.errors), mostErrors-1)]...)
}

// same tells whether two events say the same, at whatever time.
func same(a, b api.Event) bool {
	a.Sequence, a.Time, a.Count = b.Sequence, b.Time, b.Count
	return a == b
}

func levelOf(level logrus.Level) string {
	switch level {
	case logrus.InfoLevel:
		return "info"
	case logrus.WarnLevel:
		return "warning"
	default:
		return "error"
	}
}

// messageOf is what an entry says, with the error that has caused it.
func messageOf(entry *logrus.Entry) string {
	text := entry.Message
	if err, is := entry.Data[logrus.ErrorKey].(error); is {
		text += ": " + err.Error()
	}
	return bounded(text)
}

// bounded cuts a text off, between two characters.
func bounded(text string) string {
	if len(text) <= mostMessage {
		return text
	}
	end := mostMessage
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}

// Errors are the last warnings and errors, the latest first.
func (e *Events) Errors() []api.Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]api.Event{}, e.errors...)
}

// Rotators is when somebody else was last seen to rotate; zero: never.
func (e *Events) Rotators() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.rotators
}

// After returns the events after a sequence number. Where there is none it waits for one until ctx
// is done, which is no error.
func (e *Events) After(ctx context.Context, since uint64) api.EventList {
	for {
		list, more := e.after(since)
		if len(list.Events) > 0 || list.Next != since {
			return list
		}
		select {
		case <-more:
		case <-ctx.Done():
			return list
		}
	}
}

// after returns what there is, and what tells of more. A number that was never given out is one of
// an earlier process: all is new.
func (e *Events) after(since uint64) (api.EventList, <-chan struct{}) {
	e.mu.Lock()
	defer e.mu.Unlock()
	list := api.EventList{Events: []api.Event{}, Next: e.next}
	if since > e.next {
		since, list.Lost = 0, true
	}
	for _, one := range e.events {
		if one.Sequence > since {
			list.Events = append(list.Events, one)
		}
	}
	// Those that were said again have left their numbers, and nothing is lost by it.
	if len(e.events) == mostEvents && e.events[0].Sequence > since+1 {
		list.Lost = true
	}
	return list, e.more
}
