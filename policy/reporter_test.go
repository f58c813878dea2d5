package policy_test

import (
	"fmt"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/logmgr"
	"github.com/cri-logshim/cri-logshim/policy"
)

// TestReportedOnce holds that a problem is told once per pod and text, however
// many containers the pod has and however often its policy is asked for, and
// again when the text changes or the pod is another.
func TestReportedOnce(t *testing.T) {
	log, journal := test.NewNullLogger()
	registry := prometheus.NewRegistry()
	reporter, err := policy.NewReporter(log, registry)
	if err != nil {
		t.Fatal(err)
	}
	c := config.Default()
	pod := logmgr.Container{Namespace: "ns", Pod: "web", PodUID: "1", PodAnnotations: map[string]string{"cri-logshim.io/maxSize": "500Mi"}}
	for i, step := range []struct {
		uid     string
		ceiling config.Size
		want    int
	}{{"1", 200 << 20, 1}, {"1", 200 << 20, 1}, {"2", 200 << 20, 2}, {"1", 100 << 20, 3}, {"2", 100 << 20, 4}, {"1", 200 << 20, 4}} {
		c.Annotations.Ceiling.MaxSize = step.ceiling
		settings, err := policy.Settings(c, reporter.Report)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"app", "sidecar"} {
			container := pod
			container.PodUID, container.Name = step.uid, name
			settings.PolicyOf(container)
		}
		if got := len(journal.AllEntries()); got != step.want {
			t.Errorf("after step %d it has said %d lines, want %d", i, got, step.want)
		}
		if n, err := testutil.GatherAndCount(registry, "cri_logshim_invalid_annotations_total"); n != 1 || err != nil {
			t.Errorf("%d counters, %v", n, err)
		}
	}
	said := journal.AllEntries()[0]
	if said.Level != logrus.WarnLevel || said.Data["namespace"] != "ns" || said.Data["pod"] != "web" ||
		said.Data["annotation"] != "cri-logshim.io/maxSize" || said.Data["value"] != "500Mi" {
		t.Errorf("it says %v", said)
	}
	if counted, err := registry.Gather(); err != nil || counted[0].GetMetric()[0].GetCounter().GetValue() != 4 {
		t.Errorf("counted: %v, %v", counted, err)
	}
}

// TestReporterForgets holds that pods that have gone are not remembered for ever.
func TestReporterForgets(t *testing.T) {
	log, journal := test.NewNullLogger()
	reporter, err := policy.NewReporter(log, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	problem := []policy.Problem{{Annotation: "a", Value: "b", Message: "c"}}
	reporter.Report(logmgr.Container{PodUID: "first"}, problem)
	for i := range 10_000 {
		reporter.Report(logmgr.Container{PodUID: fmt.Sprint(i)}, problem)
	}
	journal.Reset()
	reporter.Report(logmgr.Container{PodUID: "first"}, problem)
	reporter.Report(logmgr.Container{PodUID: "9999"}, problem)
	if got := len(journal.AllEntries()); got != 1 {
		t.Errorf("%d lines, want one: the first pod is forgotten, the last is not", got)
	}
}
