package monitoring_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// metrics are the labels of each metric that there is to be asked for, by name.
type metrics map[string][]string

// allMetrics are what the daemon has, what every program in Go has, and what Prometheus itself adds.
// Of its own ones the manual's table is asked, which a test of the daemon holds to its registry.
func allMetrics(t *testing.T) metrics {
	t.Helper()
	text, err := os.ReadFile("../docs/monitoring.md")
	if err != nil {
		t.Fatal(err)
	}
	known := metrics{"up": nil}
	for _, row := range regexp.MustCompile("(?m)^\\| `((?:cri_logshim|grpc)_[a-z_]+)(?:\\{(.*)\\})?` \\|").FindAllStringSubmatch(string(text), -1) {
		known[row[1]] = nil
		if row[2] != "" {
			known[row[1]] = strings.Split(row[2], ",")
		}
	}
	if len(known) < 20 {
		t.Fatalf("the manual has only %d metrics", len(known))
	}
	known["cri_logshim_build_info"] = []string{"version"} // the same in all of a process, so not in the table
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		known[f.GetName()] = nil
	}
	return known
}

// find gives a metric's labels. One that ends as a histogram's parts do is the histogram's.
func (m metrics) find(name string) (base string, labels []string, ok bool) {
	labels, ok = m[name]
	base = name
	for _, suffix := range []string{"_bucket", "_count", "_sum"} {
		if trimmed, is := strings.CutSuffix(name, suffix); is && !ok {
			if labels, ok = m[trimmed]; ok {
				base = trimmed
			}
			if suffix == "_bucket" {
				labels = append(slices.Clone(labels), "le")
			}
		}
	}
	return base, append([]string{"instance", "job"}, labels...), ok
}

// mention finds metrics in a query, with their matchers.
func mention() *regexp.Regexp {
	return regexp.MustCompile(`\b((?:cri_logshim|grpc_server|process|go)_[a-z_]+|up)\b(?:\{([^}]*)\})?`)
}

// check gives the metrics that a query asks for, and the labels that its answer can have. It
// complains of metrics that there are not and of labels that these do not have.
func (m metrics) check(t *testing.T, where, query string) (asked, labels []string) {
	t.Helper()
	matcher := regexp.MustCompile(`([a-z_]+)\s*(?:=~|!~|!=|=)\s*"`)
	grouping := regexp.MustCompile(`\b(?:by|without|on|ignoring) \(([^)]*)\)`)
	by := regexp.MustCompile(`\bby \(([^)]*)\)`)
	for _, found := range mention().FindAllStringSubmatch(query, -1) {
		base, has, is := m.find(found[1])
		if !is {
			t.Errorf("%s: there is no metric %s", where, found[1])
		}
		for _, l := range matcher.FindAllStringSubmatch(found[2], -1) {
			if !slices.Contains(has, l[1]) {
				t.Errorf("%s: %s has no label %q", where, found[1], l[1])
			}
		}
		asked, labels = append(asked, base), append(labels, has...)
	}
	if len(asked) == 0 {
		t.Errorf("%s asks for nothing: %s", where, query)
	}
	for _, list := range grouping.FindAllStringSubmatch(query, -1) {
		for l := range strings.SplitSeq(list[1], ", ") {
			if !slices.Contains(labels, l) {
				t.Errorf("%s: nothing that it asks for has the label %q", where, l)
			}
		}
	}
	if lists := by.FindAllStringSubmatch(query, -1); lists != nil {
		labels = nil
		for _, list := range lists {
			labels = append(labels, strings.Split(list[1], ", ")...)
		}
	}
	return asked, labels
}
