package admin_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/cri-logshim/cri-logshim/admin"
	"github.com/cri-logshim/cri-logshim/event"
)

func eventLog() (*logrus.Logger, *admin.Events) {
	log, events := logrus.New(), admin.NewEvents()
	log.SetOutput(io.Discard)
	log.AddHook(events)
	return log, events
}

// cancelled is a context for those who do not want to wait.
func cancelled(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// What is worth a line is an event with all that tells of it; what is only said is none.
func TestWhatIsAnEvent(t *testing.T) {
	log, events := eventLog()
	log.Debug("for developers")
	log.Info("only said")
	event.OverLimit.On(log.WithFields(logrus.Fields{"namespace": "shop", "pod": "web-0", "container": "app", "attempt": 3})).Warn("late")
	log.WithError(errors.New("no space left")).Error("cannot compress")
	event.Serving.On(log).Info("serving")

	list := events.After(cancelled(t), 0)
	if len(list.Events) != 3 || list.Next != 3 || list.Lost {
		t.Fatalf("the events are %+v", list)
	}
	first, second := list.Events[0], list.Events[1]
	if first.Sequence != 1 || first.Level != "warning" || first.Reason != "OverLimit" || first.Namespace != "shop" || first.Pod != "web-0" || first.Container != "app" {
		t.Errorf("the first is %+v", first)
	}
	if second.Level != "error" || second.Message != "cannot compress: no space left" || second.Reason != "" {
		t.Errorf("the second is %+v", second)
	}
	if bad := events.Errors(); len(bad) != 2 || bad[0].Level != "error" || bad[1].Level != "warning" {
		t.Errorf("the errors are %+v", bad)
	}
	if list := events.After(cancelled(t), 2); len(list.Events) != 1 || list.Events[0].Reason != "Serving" || list.Events[0].Level != "info" {
		t.Errorf("after the second there is %+v", list)
	}
}

// What is said again and again takes one place, with the number of times, and is told again.
func TestRepeatedEventsAreCounted(t *testing.T) {
	log, events := eventLog()
	for range 5 {
		log.Error("the same")
	}
	list := events.After(cancelled(t), 3)
	if len(list.Events) != 1 || list.Events[0].Count != 5 || list.Events[0].Sequence != 5 || list.Lost {
		t.Errorf("the events are %+v", list)
	}
	if bad := events.Errors(); len(bad) != 1 || bad[0].Count != 5 {
		t.Errorf("the errors are %+v", bad)
	}
}

// However much is said, the list stays bounded, and whoever comes too late is told that there was
// more.
func TestEventsAreBounded(t *testing.T) {
	log, events := eventLog()
	huge := strings.Repeat("ü", 10_000)
	for i := range 1500 {
		log.Error(fmt.Sprint(i, huge))
	}
	list := events.After(cancelled(t), 1)
	if len(list.Events) != 1000 || !list.Lost || list.Next != 1500 || list.Events[0].Sequence != 501 {
		t.Errorf("there are %d events from %d to %d, lost %v", len(list.Events), list.Events[0].Sequence, list.Next, list.Lost)
	}
	if list := events.After(cancelled(t), 600); list.Lost || len(list.Events) != 900 {
		t.Errorf("after 600 there are %d, lost %v", len(list.Events), list.Lost)
	}
	for _, e := range list.Events {
		if len(e.Message) > 2100 || !strings.HasSuffix(e.Message, "ü…") {
			t.Fatalf("a message has %d bytes and ends with %q", len(e.Message), e.Message[len(e.Message)-4:])
		}
	}
	if bad := events.Errors(); len(bad) != 20 || bad[0].Sequence != 1500 {
		t.Errorf("there are %d errors, the latest %d", len(bad), bad[0].Sequence)
	}
	// A number of an earlier process of the daemon: all is new.
	if list := events.After(t.Context(), 1_000_000); !list.Lost || len(list.Events) != 1000 {
		t.Errorf("after a number that there was never: %d events, lost %v", len(list.Events), list.Lost)
	}
}

// Names of pods come from elsewhere, and are bounded too.
func TestNamesOfEventsAreBounded(t *testing.T) {
	log, events := eventLog()
	log.WithField("namespace", strings.Repeat("n", 1<<20)).WithField("pod", 7).Error("x")
	one := events.Errors()[0]
	if len(one.Namespace) > 2100 || one.Pod != "" {
		t.Errorf("the namespace has %d bytes, the pod is %q", len(one.Namespace), one.Pod)
	}
}

// Who else rotates is told for as long as the daemon runs, however much is said after it.
func TestRotatorsAreRemembered(t *testing.T) {
	log, events := eventLog()
	if got := events.Rotators(); !got.IsZero() {
		t.Errorf("seen at %v before anything was", got)
	}
	seen := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	event.OtherRotator.On(log.WithTime(seen)).Warn("somebody else")
	for i := range 1100 {
		log.Error(i)
	}
	if got := events.Rotators(); !got.Equal(seen) {
		t.Errorf("seen at %v, want %v", got, seen)
	}
}

// A question is kept until there is an answer or its time is over.
func TestQuestionForEventsWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, events := eventLog()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var wait sync.WaitGroup
		for range 3 {
			wait.Go(func() {
				if list := events.After(ctx, 0); len(list.Events) != 1 || list.Events[0].Message != "now" {
					t.Errorf("it waited for %+v", list)
				}
			})
		}
		synctest.Wait()
		log.Warn("now")
		wait.Wait()
		if ctx.Err() != nil {
			t.Error("the answer came when the time was over")
		}
		if list := events.After(ctx, 1); len(list.Events) != 0 || list.Next != 1 || ctx.Err() == nil {
			t.Errorf("it waited for %+v, until %v", list, ctx.Err())
		}
	})
}

// Many speak and ask at once.
func TestEventsFromEverywhere(t *testing.T) {
	log, events := eventLog()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 200 {
				log.Warnf("%d %d", i, j)
			}
		})
	}
	var seen uint64
	for seen < 8*200 {
		list := events.After(t.Context(), seen)
		for _, e := range list.Events {
			if e.Sequence <= seen {
				t.Fatalf("%d comes after %d", e.Sequence, seen)
			}
			seen = e.Sequence
		}
	}
	all.Wait()
}
