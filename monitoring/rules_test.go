// Package monitoring_test holds the files for Prometheus to the metrics that there are.
package monitoring_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

type rules struct {
	Groups []struct {
		Rules []struct {
			Alert       string
			Expr        string
			For         string
			Labels      map[string]string
			Annotations map[string]string
		}
	}
}

// Every alert asks for metrics that the daemon has, by labels that they have, and says how bad it
// is and what to do. The manual's table, which a test of the daemon holds to its registry, is what
// there is: an alert on anything else would never fire.
func TestRules(t *testing.T) {
	t.Parallel()
	metrics := metricsOfTheManual(t)
	text, err := os.ReadFile("rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var all rules
	if err := yaml.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	mention := regexp.MustCompile(`((?:cri_logshim|grpc)_[a-z_]+)(?:\{([a-z_]+)=)?`)
	label := regexp.MustCompile(`\$labels\.([a-z_]+)`)
	for _, group := range all.Groups {
		for _, r := range group.Rules {
			if seen[r.Alert] || r.Alert == "" || r.Annotations["summary"] == "" || r.Annotations["runbook"] == "" ||
				!slices.Contains([]string{"warning", "critical"}, r.Labels["severity"]) {
				t.Errorf("alert %q is there twice, or lacks something: %v %v", r.Alert, r.Labels, r.Annotations)
			}
			seen[r.Alert] = true
			known := []string{"instance"}
			found := mention.FindAllStringSubmatch(r.Expr, -1)
			if len(found) == 0 {
				t.Errorf("%s asks for nothing: %s", r.Alert, r.Expr)
			}
			for _, m := range found {
				labels, is := metrics[m[1]]
				if !is || m[2] != "" && !slices.Contains(labels, m[2]) {
					t.Errorf("%s: there is no metric %s, or it has no label %q", r.Alert, m[1], m[2])
				}
				known = append(known, labels...)
			}
			for _, m := range label.FindAllStringSubmatch(r.Annotations["summary"], -1) {
				if !slices.Contains(known, m[1]) {
					t.Errorf("%s: its summary names the label %q", r.Alert, m[1])
				}
			}
		}
	}
	if len(seen) == 0 {
		t.Error("there is no alert")
	}
}

// metricsOfTheManual are the names of all metrics with their labels.
func metricsOfTheManual(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	metrics := map[string][]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `((?:cri_logshim|grpc)_[a-z_]+)(?:\\{(.*)\\})?` \\|").FindAllStringSubmatch(string(text), -1) {
		metrics[row[1]] = strings.Split(row[2], ",")
	}
	if len(metrics) < 20 {
		t.Fatalf("the manual has only %d metrics", len(metrics))
	}
	return metrics
}
