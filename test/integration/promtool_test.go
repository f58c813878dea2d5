package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// Each alert waits for as long as it is to wait, fires, and ends when its reason has gone, and none
// fires on a node that is well: Prometheus' own evaluation says so.
func TestAlertsInTime(t *testing.T) {
	for _, command := range [][]string{{"check", "rules"}, {"test", "rules"}} {
		file := map[string]string{"check": "rules.yaml", "test": "rules_test.yaml"}[command[0]]
		output, err := testbed.Promtool(t.Context(), "", append(command, monitoring(file))...)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(output, "SUCCESS") {
			t.Errorf("promtool has looked at nothing: %s", output)
		}
	}
}

// Every query of the dashboard is one that Prometheus understands, once Grafana has put values in
// place of its variables.
func TestDashboardQueriesParse(t *testing.T) {
	text, err := os.ReadFile(monitoring("dashboard.json"))
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	filled := strings.NewReplacer("$__rate_interval", "5m", "$instance", "a:9465|b:9465")
	var records []map[string]string
	for _, p := range dashboard.Panels {
		for _, q := range p.Targets {
			expr := filled.Replace(q.Expr)
			if strings.Contains(expr, "$") {
				t.Errorf("%s has a variable that the dashboard does not have: %s", p.Title, expr)
			}
			records = append(records, map[string]string{"record": fmt.Sprintf("query:%d", len(records)), "expr": expr})
		}
	}
	if len(records) == 0 {
		t.Fatal("the dashboard asks for nothing")
	}
	rules, err := json.Marshal(map[string]any{"groups": []any{map[string]any{"name": "dashboard", "rules": records}}}) // is YAML
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(file, rules, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := testbed.Promtool(t.Context(), "", "check", "rules", file); err != nil {
		t.Error(err)
	}
}

// What a scrape gets, once logs were rotated, compressed and removed and with series for each
// container, has names, types and help as Prometheus wants them, and the series that alerts
// choose by the value of a label: without them they would never fire.
func TestMetricsForPrometheus(t *testing.T) {
	onNewest(t, func(t *testing.T, containerd *testbed.Containerd) {
		shim, client := newShim(t, containerd, func(c *config.Configuration) {
			c.Rotation.MaxSize = 100 << 10
			c.Rotation.MaxFiles = 20
			c.Rotation.CompressAfter = time.Second
			c.Admin.ContainerMetrics = true
		})
		runWriter(t, client, containerd.PodConfig("default", "writer"), "-rate", "500000")
		eventually(t, func(ctx context.Context) error {
			for _, name := range []string{"cri_logshim_files_removed_total", "cri_logshim_compressed_output_bytes_total", "cri_logshim_container_rotations_total"} {
				if n, err := shim.Metric(ctx, name); err != nil {
					return err
				} else if n == 0 {
					return fmt.Errorf("%s is 0", name)
				}
			}
			return nil
		})
		scrape, err := shim.Get(t.Context(), "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := testbed.Promtool(t.Context(), scrape, "check", "metrics"); err != nil {
			t.Error(err)
		}
		rules, err := os.ReadFile(monitoring("rules.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		chosen := regexp.MustCompile(`(cri_logshim_\w+)\{(\w+="[^"]*")\}`).FindAllStringSubmatch(string(rules), -1)
		if len(chosen) == 0 {
			t.Error("no alert chooses a series")
		}
		for _, c := range chosen {
			if !regexp.MustCompile(`(?m)^` + c[1] + `\{[^}]*` + regexp.QuoteMeta(c[2])).MatchString(scrape) {
				t.Errorf("there is no series %s with %s", c[1], c[2])
			}
		}
	})
}

// monitoring is the path of a file for Prometheus or Grafana.
func monitoring(name string) string { return filepath.Join("..", "..", "monitoring", name) }
