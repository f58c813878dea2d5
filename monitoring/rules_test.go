// Package monitoring_test holds the files for Prometheus and Grafana to the metrics that there are.
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
		Rules []rule
	}
}

type rule struct {
	Alert       string
	Expr        string
	For         string
	Labels      map[string]string
	Annotations map[string]string
}

// Every alert asks for metrics that the daemon has, by labels that they have, and says how bad it
// is and what to do: an alert on anything else would never fire.
func TestRules(t *testing.T) {
	t.Parallel()
	known := allMetrics(t)
	seen := map[string]bool{}
	for _, r := range alerts(t) {
		if seen[r.Alert] || r.Alert == "" || r.Annotations["summary"] == "" || r.Annotations["description"] == "" ||
			!strings.HasPrefix(r.Annotations["runbook_url"], "https://github.com/cri-logshim/cri-logshim/blob/main/docs/") || // where a test of docs/ follows it
			!slices.Contains([]string{"warning", "critical"}, r.Labels["severity"]) {
			t.Errorf("alert %q is there twice, or lacks something: %v %v", r.Alert, r.Labels, r.Annotations)
		}
		seen[r.Alert] = true
		_, labels := known.check(t, r.Alert, r.Expr)
		for _, lost := range regexp.MustCompile(`\bwithout \(([^)]*)\)`).FindAllStringSubmatch(r.Expr, -1) {
			labels = slices.DeleteFunc(labels, func(l string) bool { return slices.Contains(strings.Split(lost[1], ", "), l) })
		}
		for _, m := range regexp.MustCompile(`\$labels\.([a-z_]+)`).FindAllStringSubmatch(r.Annotations["summary"]+r.Annotations["description"], -1) {
			if !slices.Contains(labels, m[1]) {
				t.Errorf("%s: it tells of the label %q, which it does not have", r.Alert, m[1])
			}
		}
	}
}

// Each alert has a test for promtool, in which it fires, and where it waits for that has waited; the
// manual tells of each, and of none that there is not.
func TestEveryAlertIsTestedAndTold(t *testing.T) {
	t.Parallel()
	var tests struct {
		Tests []struct {
			Name string
			Expr []struct {
				Samples []struct{ Labels string } `yaml:"exp_samples"`
			} `yaml:"promql_expr_test"`
		}
	}
	read(t, "rules_test.yaml", &tests)
	states := map[string]string{}
	for _, test := range tests.Tests {
		for _, e := range test.Expr {
			for _, s := range e.Samples {
				states[test.Name] += s.Labels
			}
		}
	}
	manual, err := os.ReadFile("../docs/monitoring.md")
	if err != nil {
		t.Fatal(err)
	}
	var told, want []string
	for _, row := range regexp.MustCompile("(?m)^\\| `(CRILogshim\\w+)` \\| (\\w+) \\|").FindAllStringSubmatch(string(manual), -1) {
		told = append(told, row[1]+" "+row[2])
	}
	for _, r := range alerts(t) {
		want = append(want, r.Alert+" "+r.Labels["severity"])
		if !strings.Contains(states[r.Alert], `"firing"`) || r.For != "" && !strings.Contains(states[r.Alert], `"pending"`) {
			t.Errorf("no test shows how %s waits and fires", r.Alert)
		}
	}
	if !slices.Equal(told, want) {
		t.Errorf("the manual tells of the alerts\n%v, and there are\n%v", told, want)
	}
}

func alerts(t *testing.T) (all []rule) {
	t.Helper()
	var file rules
	read(t, "rules.yaml", &file)
	for _, group := range file.Groups {
		all = append(all, group.Rules...)
	}
	if len(all) == 0 {
		t.Fatal("there is no alert")
	}
	return all
}

func read(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}
