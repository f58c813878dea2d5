package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/event"
	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// The alerts that matter most fire when what they are about really happens, and no other one does: an
// alert may be right on figures that a test has made up, and wait forever for those of a daemon. The events
// that say more are told too.
func TestAlertsOnRealFaults(t *testing.T) {
	onNewest(t, func(t *testing.T, containerd *testbed.Containerd) {
		shim, client := newShim(t, containerd, func(c *config.Configuration) {
			c.Rotation.MaxSize = 256 << 10
			c.Rotation.MaxFiles = 2
			c.Rotation.MaxFilesUnread = 3
			c.Rotation.CompressAfter = time.Hour
		})
		writer := runWriter(t, client, containerd.PodConfig("default", "writer"), "-rate", "300000")
		metricAtLeast(t, shim, 3, "cri_logshim_rotations_total")
		metricAtLeast(t, shim, 3, "cri_logshim_namespace_rotations_total", `namespace="default"`)
		metricAtLeast(t, shim, 1, "cri_logshim_namespace_disk_bytes", `namespace="default"`)
		if strings.Contains(scrape(t, shim), `"writer"`) {
			t.Error("the metrics name a pod, although nobody has asked for that")
		}
		for _, fault := range []struct {
			alert        string
			event        event.Reason // that says more of it
			begin        func() error
			metric       string
			label        string
			least, below float64 // that the metric is to have; below 0: no bound
			end          func() error
		}{
			{
				"CRILogshimRuntimeAway", event.RuntimeLost, func() error { return containerd.Stop(t.Context()) },
				"cri_logshim_upstream_state", `state="ready"`, 0, 1,
				func() error {
					tells(t, shim, event.RuntimeNotListed)
					if err := containerd.Start(t.Context()); err != nil {
						return err
					}
					metricAtLeast(t, shim, 1, "cri_logshim_upstream_state", `state="ready"`)
					return nil
				},
			},
			{
				"CRILogshimUnreadRemoved", event.UnreadRemoved, func() error { neverRead(t, writer.LogPath()); return nil },
				"cri_logshim_deleted_unread_bytes_total", "", 1, -1,
				func() error { return nil },
			},
		} {
			before := scrape(t, shim)
			if err := fault.begin(); err != nil {
				t.Fatalf("%s: %v", fault.alert, err)
			}
			eventually(t, func(ctx context.Context) error {
				found, err := shim.Metric(ctx, fault.metric, fault.label)
				if err == nil && (found < fault.least || fault.below > 0 && found >= fault.below) {
					err = fmt.Errorf("%s{%s} is %v", fault.metric, fault.label, found)
				}
				return err
			})
			firesAlone(t, fault.alert, before, scrape(t, shim))
			tells(t, shim, fault.event)
			if err := fault.end(); err != nil {
				t.Fatalf("%s: %v", fault.alert, err)
			}
		}
		for _, other := range []event.Reason{event.Serving, event.RuntimeConnected, event.RuntimeListed} {
			tells(t, shim, other)
		}
	})
}

// tells waits until an event is in the daemon's log.
func tells(t *testing.T, shim *testbed.Shim, reason event.Reason) {
	t.Helper()
	eventually(t, func(context.Context) error {
		lines, err := shim.Logged("reason=" + string(reason))
		if err == nil && len(lines) == 0 {
			err = fmt.Errorf("the event %s is not told", reason)
		}
		return err
	})
}

// neverRead opens a log as a reader that does not get on, until the test ends.
func neverRead(t *testing.T, log string) {
	t.Helper()
	var file *os.File
	eventually(t, func(context.Context) (err error) {
		file, err = os.Open(log) // which has no file while it is rotated
		return err
	})
	t.Cleanup(func() {
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	})
}

func scrape(t *testing.T, shim *testbed.Shim) string {
	t.Helper()
	text, err := shim.Get(t.Context(), "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// firesAlone has Prometheus evaluate half an hour of one scrape and then some minutes of another one.
func firesAlone(t *testing.T, alert, before, after string) {
	t.Helper()
	const well = 30
	first, then := seriesOf(before), seriesOf(after)
	var series []map[string]string
	for name, value := range then {
		values := fmt.Sprintf("%sx%d %sx%d", first[name], well, value, well)
		if first[name] == "" {
			values = fmt.Sprintf("_x%d %sx%d", well, value, well)
		}
		series = append(series, map[string]string{"series": name, "values": values})
	}
	if len(series) < 50 {
		t.Fatalf("the scrape has only %d series", len(series))
	}
	rules, err := filepath.Abs(monitoring("rules.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	firing := func(minute int, samples ...any) map[string]any {
		return map[string]any{"expr": `count by (alertname) (ALERTS{alertstate="firing"})`, "eval_time": fmt.Sprint(minute, "m"), "exp_samples": samples}
	}
	test := map[string]any{
		"rule_files": []string{rules}, "evaluation_interval": "1m",
		"tests": []any{map[string]any{
			"interval": "1m", "input_series": series,
			"promql_expr_test": []any{
				firing(well), firing(well+10, map[string]any{"labels": fmt.Sprintf("{alertname=%q}", alert), "value": 1}),
			},
		}},
	}
	text, err := json.Marshal(test) // is YAML
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "test.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := testbed.Promtool(t.Context(), "", "test", "rules", file); err != nil {
		t.Errorf("%s: %v", alert, err)
	}
}

// seriesOf are the values of a scrape, as Prometheus names them.
func seriesOf(scrape string) map[string]string {
	series := map[string]string{}
	for line := range strings.Lines(scrape) {
		at := strings.LastIndexByte(line, ' ')
		if strings.HasPrefix(line, "#") || at < 0 {
			continue
		}
		name, labels, _ := strings.Cut(line[:at], "{")
		target := `instance="a:9465",job="cri-logshim"`
		if labels = strings.TrimSuffix(labels, "}"); labels != "" {
			target += "," + labels
		}
		series[name+"{"+target+"}"] = strings.TrimSpace(line[at:])
	}
	return series
}
