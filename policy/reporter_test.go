package policy_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

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

// newReporter returns a Reporter with what it says and counts.
func newReporter(t *testing.T) (reporter *policy.Reporter, journal *test.Hook, counted func() float64) {
	t.Helper()
	log, journal := test.NewNullLogger()
	registry := prometheus.NewRegistry()
	reporter, err := policy.NewReporter(log, registry)
	if err != nil {
		t.Fatal(err)
	}
	return reporter, journal, func() float64 {
		t.Helper()
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		return families[0].GetMetric()[0].GetCounter().GetValue()
	}
}

// problemsOf are n problems that no other pod has.
func problemsOf(pod string, n int) []policy.Problem {
	var all []policy.Problem
	for i := range n {
		all = append(all, policy.Problem{Annotation: "cri-logshim.io/maxFiles", Value: fmt.Sprint(pod, i), Message: "must be a whole number", Ignored: true})
	}
	return all
}

// TestReportIsBounded: neither a pod with thousands of problems nor thousands of pods with
// one write more lines than anybody reads; the rest is told as a number, each is counted,
// and a reload that changes nothing repeats nothing.
func TestReportIsBounded(t *testing.T) {
	for name, test := range map[string]struct {
		pods, each  int
		lines       int
		unsaid, of  int
		everCounted float64
	}{
		"few":                  {pods: 3, each: 5, lines: 15, everCounted: 15},
		"one more of a pod":    {pods: 1, each: 6, lines: 5, unsaid: 1, of: 1, everCounted: 6},
		"many of a pod":        {pods: 1, each: 5000, lines: 5, unsaid: 507, of: 1, everCounted: 512},
		"a pod among others":   {pods: 11, each: 5, lines: 50, unsaid: 5, of: 1, everCounted: 55},
		"many pods":            {pods: 5000, each: 1, lines: 50, unsaid: 4950, of: 4950, everCounted: 5000},
		"many pods with a few": {pods: 500, each: 40, lines: 50, unsaid: 19950, of: 500, everCounted: 20000},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				reporter, journal, counted := newReporter(t)
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan error)
				go func() { done <- reporter.Run(ctx) }()
				reload := func() []*logrus.Entry {
					journal.Reset()
					for i := range test.pods {
						uid := fmt.Sprint(i)
						reporter.Report(logmgr.Container{PodUID: uid}, problemsOf(uid, test.each))
					}
					time.Sleep(time.Minute)
					return journal.AllEntries()
				}
				said := reload()
				if test.unsaid > 0 {
					if len(said) == 0 || said[len(said)-1].Data["annotations"] != test.unsaid || said[len(said)-1].Data["pods"] != test.of {
						t.Errorf("it does not say last that %d annotations of %d pods are left out: %v", test.unsaid, test.of, said)
					}
					said = said[:max(len(said)-1, 0)]
				}
				if len(said) != test.lines {
					t.Errorf("%d lines, want %d", len(said), test.lines)
				}
				if again := reload(); len(again) > 0 {
					t.Errorf("unchanged it says %d lines", len(again))
				}
				if got := counted(); got != test.everCounted {
					t.Errorf("%v are counted, want %v", got, test.everCounted)
				}
				reporter.Report(logmgr.Container{PodUID: "late"}, problemsOf("late", 1))
				if got := len(journal.AllEntries()); got != 1 {
					t.Errorf("%d lines about another pod a minute later, want 1", got)
				}
				cancel()
				if err := <-done; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestReporterEnds: what was left out is told before the end, too.
func TestReporterEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reporter, journal, _ := newReporter(t)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- reporter.Run(ctx) }()
		reporter.Report(logmgr.Container{PodUID: "1"}, problemsOf("1", 7))
		synctest.Wait()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if got := len(journal.AllEntries()); got != 6 {
			t.Errorf("%d lines, want 5 and what is left out", got)
		}
	})
}

// TestReporterForgets holds that pods that have gone are not remembered for ever, and
// those that are still there are.
func TestReporterForgets(t *testing.T) {
	reporter, _, counted := newReporter(t)
	report := func(uid string) {
		reporter.Report(logmgr.Container{PodUID: uid}, problemsOf(uid, 100))
	}
	report("gone")
	const pods = 2000
	for i := range pods {
		report(fmt.Sprint(i))
		report("there")
	}
	before := counted()
	if want := float64(100 * (pods + 2)); before != want {
		t.Fatalf("%v are counted, want %v", before, want)
	}
	report("there")
	report(fmt.Sprint(pods - 1))
	if got := counted(); got != before {
		t.Errorf("%v more are counted of pods that are still there", got-before)
	}
	report("gone")
	if got := counted(); got != before+100 {
		t.Errorf("%v are counted of a pod that was forgotten, want 100", got-before)
	}
}
