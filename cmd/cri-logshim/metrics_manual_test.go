package main

import (
	"cmp"
	"context"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cri-logshim/cri-logshim/config"
)

// TestMetricsManual holds that docs/monitoring.md has a table of all metrics with their
// labels, and of no other. Of those that are ours the meaning is what /metrics tells.
func TestMetricsManual(t *testing.T) {
	t.Parallel()
	const manual = "../../docs/monitoring.md"
	text, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile("(?m)^\\| `(?:cri_logshim|grpc)_.* \\|$").FindAllString(string(text), -1)
	var want []string
	for _, mode := range []config.Mode{config.ModeObserve, config.ModeProxy} {
		want = append(want, metricRows(t, mode)...)
	}
	slices.Sort(want)
	want = slices.Compact(want)
	if len(want) < 20 {
		t.Fatalf("only %d metrics are registered", len(want))
	}
	for i, row := range rows {
		if strings.HasPrefix(row, "| `grpc_") {
			rows[i], _, _ = strings.Cut(row, " | ") // in other words than the library's
		}
	}
	for _, row := range want {
		if !slices.Contains(rows, row) {
			t.Errorf("%s lacks the row\n%s", manual, row)
		}
	}
	for _, row := range rows {
		if !slices.Contains(want, row) {
			t.Errorf("%s has a row that is not true\n%s", manual, row)
		}
	}
	if !slices.IsSorted(rows) {
		t.Errorf("the rows of %s are not in order", manual)
	}
}

// metricRows are the rows that a daemon's metrics make in a mode, apart from those that
// every program in Go has.
func metricRows(t *testing.T, mode config.Mode) (rows []string) {
	t.Helper()
	p := newPlace(t)
	p.config.Mode, p.config.Admin.ContainerMetrics = mode, true
	p.write(t)
	o := &options{configPath: p.file(), given: func(string) bool { return false }}
	d, err := newDaemon(t.Context(), o, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	over, end := context.WithCancel(t.Context())
	end()
	defer func() {
		if err := cmp.Or(d.logs.Run(over), d.close()); err != nil {
			t.Error(err)
		}
	}()
	descriptions := make(chan *prometheus.Desc)
	go func() {
		defer close(descriptions)
		d.registry.Describe(descriptions)
	}()
	form := regexp.MustCompile(`^Desc\{fqName: "(.*)", help: "(.*?)",(?: unit: ".*",)? constLabels: \{.*\}, variableLabels: \{(.*)\}\}$`)
	for description := range descriptions {
		found := form.FindStringSubmatch(description.String())
		if found == nil {
			t.Fatalf("%s is not understood", description)
		}
		name, help, labels := found[1], found[2], found[3]
		if strings.HasPrefix(name, "go_") || strings.HasPrefix(name, "process_") {
			continue
		}
		if labels != "" {
			name += "{" + labels + "}"
		}
		row := "| `" + name + "`"
		if strings.HasPrefix(name, "cri_logshim_") {
			row += " | " + help + " |"
		}
		rows = append(rows, row)
	}
	return rows
}
