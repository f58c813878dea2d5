package logmgr

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	logrustest "github.com/sirupsen/logrus/hooks/test"

	"github.com/cri-logshim/cri-logshim/event"
	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
)

// A bound that is kept by removing files is broken again and again: that is one spell, told
// when it begins and a minute after it was broken last.
func TestSpellOfPressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, hook := logrustest.NewNullLogger()
		broken, met := (Node{MaxBytes: 1}).shortage(2, logfile.Space{}), shortage{}
		var s spell
		for second := range 600 {
			now := met
			if second >= 10 && second < 100 && second%7 == 0 || second == 400 {
				now = broken
			}
			s.look(log, now, time.Now())
			time.Sleep(time.Second)
		}
		var told []event.Reason
		for _, entry := range hook.AllEntries() {
			told = append(told, event.Of(entry))
		}
		want := []event.Reason{event.PressureBegan, event.PressureEnded, event.PressureBegan, event.PressureEnded}
		if !slices.Equal(told, want) {
			t.Errorf("told %v, want %v", told, want)
		}
		if lasted := hook.AllEntries()[1].Data["lasted"]; lasted != 84*time.Second {
			t.Errorf("the first spell has lasted for %v", lasted)
		}
	})
}
