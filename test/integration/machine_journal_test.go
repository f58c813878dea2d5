package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/cri-logshim/cri-logshim/event"
	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// An invalid configuration is told in the journal as an error that names file and line,
// whether it is there at the start or comes with a reload. At the start the service fails,
// and comes up when the file is put right; later it goes on with what it has. What is an event
// is found by its id, among the lines of the unit, with its fields.
func TestInvalidConfigurationInTheJournal(t *testing.T) {
	m := newMachine(t, testbed.MachineOptions{Enabled: map[string]string{testbed.ContainerdUnit: "multi-user.target"}})
	const invalid, fault = "rotation:\n  maxFiles: 1\n", "/etc/cri-logshim/config.yaml:4: rotation.maxFiles"
	configure(t, m, invalid)
	if err := m.Start(t.Context(), testbed.ShimUnit); err == nil {
		t.Error("the service has started with an invalid configuration")
	}
	saysOnce := func(priority, text string) {
		t.Helper()
		eventually(t, func(ctx context.Context) error {
			journal, err := m.Journal(ctx, testbed.ShimUnit, "--priority="+priority)
			if err == nil && !strings.Contains(journal, text) {
				err = fmt.Errorf("the journal does not say %q with priority %s:\n%s", text, priority, journal)
			}
			return err
		})
	}
	saysOnce("err..err", fault)

	configure(t, m, "rotation:\n  maxFiles: 3\n")
	if _, err := m.Run(t.Context(), "systemctl", "reset-failed", testbed.ShimUnit); err != nil {
		t.Fatal(err)
	}
	start(t, m, testbed.ShimUnit) // by itself only half a minute later, if it has been given up
	client := dialMachine(t, m)
	answers(t, client)
	eventually(t, func(ctx context.Context) error { return m.Active(ctx, testbed.ShimUnit) })
	saysOnce("info..info", "msg=serving")
	if serving := eventOf(t, m, event.Serving); serving["CRI_LOGSHIM_MODE"] != "proxy" || serving["PRIORITY"] != "6" {
		t.Errorf("the event of serving has the fields %q", serving)
	}
	if journal, err := m.Journal(t.Context(), testbed.ShimUnit, "--priority=info..info"); err != nil || strings.Contains(journal, " time=") {
		t.Errorf("the journal tells the time twice, or %v:\n%s", err, journal)
	}

	pid := mainPID(t, m)
	if _, err := m.Run(t.Context(), "journalctl", "--rotate", "--vacuum-time=1s"); err != nil {
		t.Fatal(err)
	}
	configure(t, m, invalid)
	if _, err := m.Run(t.Context(), "systemctl", "reload", testbed.ShimUnit); err != nil {
		t.Error(err)
	}
	saysOnce("err..err", fault)
	if refused := eventOf(t, m, event.ConfigRefused); refused["PRIORITY"] != "3" || !strings.HasPrefix(refused["CRI_LOGSHIM_ERROR"], fault) {
		t.Errorf("the event of the refused configuration has the fields %q", refused)
	}
	if now := mainPID(t, m); now != pid {
		t.Errorf("the service was restarted: process %d, before %d", now, pid)
	}
	answers(t, client)
}

// eventOf returns the fields of the latest event of a kind that the shim's journal has.
func eventOf(t *testing.T, m *testbed.Machine, reason event.Reason) map[string]string {
	t.Helper()
	fields := map[string]string{}
	eventually(t, func(ctx context.Context) error {
		text, err := m.Journal(ctx, testbed.ShimUnit, "--output=json", "--lines=1", "MESSAGE_ID="+reason.ID())
		if err != nil {
			return err
		}
		var all map[string]any
		if err := json.Unmarshal([]byte(text), &all); err != nil {
			return fmt.Errorf("no event %s: %w: %q", reason, err, text)
		}
		for name, value := range all {
			fields[name] = fmt.Sprint(value)
		}
		return nil
	})
	return fields
}
