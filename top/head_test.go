package top

import (
	"strings"
	"testing"

	"github.com/cri-logshim/cri-logshim/admin/api"
)

// What is wrong has to be read in a terminal without colours, and before all else where it is low.
func TestWhatIsWrongIsSaid(t *testing.T) {
	t.Parallel()
	s := busyNode()
	s.node.Disk.Pressure = "1.2Gi over node.maxBytes"
	s.node.Reasons = []string{"the runtime does not answer", "second", "third", "fourth", "fifth"}
	s.node.Runtime.State = "transient failure"
	s.node.Kubelet.Rotates = true
	m := newView(s, 140, 40)
	m.painter.colour = false
	screen := text(m)
	for _, want := range []string{
		"! Pressure: 1.2Gi over node.maxBytes", "! Not ready: the runtime does not answer", "! and 2 more reasons", "does not answer", "! kubelet rotates too",
	} {
		if !strings.Contains(screen, want) {
			t.Errorf("%q is not said:\n%s", want, screen)
		}
	}
	if painted := m.View().Content; strings.Contains(painted, "\x1b[3") || strings.Contains(painted, ";3") {
		t.Errorf("there are colours: %q", painted)
	}
	m = newView(s, 60, 8)
	if !strings.Contains(text(m), "! Pressure") || !strings.Contains(text(m), "reindex") {
		t.Errorf("a low terminal:\n%s", text(m))
	}
}

// The bar has to show the bound that breaks first.
func TestBudget(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		disk api.Disk
		want string // in the line
	}{
		"their own bound":        {api.Disk{LogBytes: new(int64(3 << 30)), MaxBytes: new(int64(4 << 30))}, "3Gi of 4Gi ███████████████░░░░░  75%"},
		"what others leave":      {api.Disk{LogBytes: new(int64(3 << 30)), MaxBytes: new(int64(40 << 30)), FreeBytes: new(int64(5 << 30)), MinFreeBytes: new(int64(2 << 30))}, "3Gi of 6Gi ██████████░░░░░░░░░░  50%"},
		"a disk that is full":    {api.Disk{LogBytes: new(int64(1 << 30)), FreeBytes: new(int64(0)), MinFreeBytes: new(int64(5 << 30))}, "1Gi of 0 ████████████████████ 100%"},
		"no bound":               {api.Disk{LogBytes: new(int64(3 << 30)), FreeBytes: new(int64(5 << 30))}, "Disk 3Gi   kept –   free 5Gi"},
		"nothing is counted yet": {api.Disk{MaxBytes: new(int64(4 << 30))}, "Disk –   kept –   free –"},
		"beyond the bound":       {api.Disk{LogBytes: new(int64(6 << 30)), MaxBytes: new(int64(4 << 30))}, "6Gi of 4Gi ████████████████████ 150%"},
	} {
		if got := diskLine(c.disk).String(); !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q in it", name, got, c.want)
		}
	}
}

// Details leave nothing out that the API says of a log.
func TestDetails(t *testing.T) {
	t.Parallel()
	s := busyNode()
	s.logs[0].LastError = "compress: no space left"
	s.logs[0].Policy.KeepAfterRemoval = 86400
	m := newView(s, 100, 50)
	press(m, "enter")
	for _, want := range []string{
		"batch/reindex-28961-4kq7d/worker", "compress: no space left", s.logs[0].ID, s.logs[0].PodUID, "22.7Mi/s", "41Mi of 50Mi", "1.9Gi in 8 files",
		"3,902", "1.31 times the limit", "11.4×", "gzip", "1d0h",
	} {
		if !strings.Contains(text(m), want) {
			t.Errorf("%q is not said:\n%s", want, text(m))
		}
	}
	press(m, "esc", "end")
	for m.rows[m.at].Managed {
		press(m, "up")
	}
	press(m, "enter")
	for _, want := range []string{"! Not managed", s.logs[len(s.logs)-1].NotManaged, "files of its own", unknown} {
		if !strings.Contains(text(m), want) {
			t.Errorf("not managed: %q is not said:\n%s", want, text(m))
		}
	}
	s.logs = s.logs[:3]
	m.Update(answered{sample: s, at: noon()})
	if !strings.Contains(text(m), "! This log is no longer known") {
		t.Errorf("a log that has gone:\n%s", text(m))
	}
}
