package logmgr_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"
	"go.uber.org/goleak"

	"github.com/cri-logshim/cri-logshim/logmgr"
	"github.com/cri-logshim/cri-logshim/logmgr/runtimetest"
)

const (
	kib = int64(1 << 10)
	mib = int64(1 << 20)
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a manager with a fake runtime and directories of its own. What a test
// wants different in options is changed before start.
type rig struct {
	*testing.T
	*logmgr.Manager
	dir     string // podLogsDir
	legacy  string
	fake    *runtimetest.Fake
	bell    *runtimetest.Doorbell
	options logmgr.Options
	policy  logmgr.Policy // of every container
	journal *test.Hook
	metrics *prometheus.Registry
	stop    func()
}

func newRig(t *testing.T) *rig {
	t.Helper()
	log, journal := test.NewNullLogger()
	log.SetLevel(logrus.DebugLevel)
	top := t.TempDir()
	r := &rig{
		T:       t,
		dir:     filepath.Join(top, "pods"),
		legacy:  filepath.Join(top, "containers"),
		fake:    runtimetest.NewFake(),
		bell:    runtimetest.NewDoorbell(),
		journal: journal,
		stop:    func() {},
		policy:  logmgr.Policy{MaxSize: mib, MaxFiles: 1000},
	}
	r.fake.Bell = r.bell
	r.fake.Latency = 2 * time.Millisecond
	r.options = logmgr.Options{
		PodLogsDir: r.dir,
		Runtime:    r.fake,
		Doorbell:   r.bell,
		Log:        log,
	}
	return r
}

// bubble runs a test in fast time. What runs in it must not make timers of no
// duration in several goroutines at once: Go 1.26 runs those in place, in one
// race context for the whole bubble, and the race detector crashes.
func bubble(t *testing.T, f func(t *testing.T, r *rig)) {
	t.Helper()
	// Files bear the real time, so the manager's wall clock has to be near it.
	realTime := time.Now()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		began := time.Now()
		r.options.Now = func() time.Time { return realTime.Add(time.Since(began)) }
		f(t, r)
		r.end()
	})
}

// start begins a new manager, as after a restart of the process.
func (r *rig) start() {
	r.Helper()
	r.metrics = prometheus.NewRegistry()
	r.options.Metrics = r.metrics
	r.options.PolicyOf = always(r.policy)
	m, err := logmgr.New(r.options)
	if err != nil {
		r.Fatal(err)
	}
	r.Manager = m
	series := r.series()
	r.begin(m.Run)
	stop := r.stop
	r.stop = func() {
		r.Helper()
		stop()
		if got := r.series(); !maps.Equal(got, series) {
			r.Errorf("series came only with their first count, of which Prometheus sees no increase: %v, before %v", got, series)
		}
	}
}

// series are the numbers of series of counters, by metric.
func (r *rig) series() map[string]int {
	r.Helper()
	families, err := r.metrics.Gather()
	r.must(err)
	series := map[string]int{}
	for _, f := range families {
		if f.GetType() == dto.MetricType_COUNTER {
			series[f.GetName()] = len(f.GetMetric())
		}
	}
	return series
}

// begin runs a manager, or what stands in for one, until stop.
func (r *rig) begin(run func(context.Context) error) {
	ctx, cancel := context.WithCancel(r.Context())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	r.stop = func() {
		r.Helper()
		cancel()
		if err := <-done; err != nil {
			r.Errorf("Run: %v", err)
		}
		r.stop = func() {}
	}
}

// setPolicy puts another policy in force.
func (r *rig) setPolicy(p logmgr.Policy) {
	r.policy = p
	s := r.options.Settings
	s.PolicyOf = always(p)
	r.Configure(s)
}

func always(p logmgr.Policy) func(logmgr.Container) logmgr.Policy {
	return func(logmgr.Container) logmgr.Policy { return p }
}

func (r *rig) end() {
	r.Helper()
	r.stop()
	if err := r.fake.Close(); err != nil {
		r.Error(err)
	}
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// facts are those of a container of its own pod.
func (r *rig) facts(name string) logmgr.Container {
	return logmgr.Container{
		ID: "id" + name, SandboxID: "sandbox-" + name,
		Namespace: "ns", Pod: "pod", PodUID: "uid-" + name, Name: name,
		LogDirectory: filepath.Join(r.dir, "ns_pod_uid-"+name),
		LogPath:      name + "/0.log",
	}
}

// behind makes and starts a container behind the manager's back.
func (r *rig) behind(facts logmgr.Container) *runtimetest.Container {
	r.Helper()
	c, err := r.fake.Make(facts)
	r.must(err)
	r.must(c.Start())
	return c
}

// run makes and starts a container, tells the manager so and lets it hear that.
func (r *rig) run(name string) *runtimetest.Container {
	r.Helper()
	c := r.behind(r.facts(name))
	r.Created(r.facts(name))
	r.Started(c.ID(), false)
	synctest.Wait()
	return c
}

// runAgain makes and starts a container of the same name, pod and attempt as that of run,
// and tells the manager so, which has not heard it when this returns.
func (r *rig) runAgain(name, id string) *runtimetest.Container {
	r.Helper()
	facts := r.facts(name)
	facts.ID = id
	c := r.behind(facts)
	r.Created(facts)
	r.Started(id, false)
	return c
}

// exit ends a container and tells the manager so.
func (r *rig) exit(c *runtimetest.Container) {
	r.Helper()
	r.must(c.Exit())
	r.Stopped(c.ID())
}

// remove removes a container and tells the manager so.
func (r *rig) remove(c *runtimetest.Container) {
	r.Helper()
	r.must(r.fake.Remove(c.ID()))
	r.Removed(c.ID())
}

// pass lets d pass.
func (r *rig) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// print writes at a rate in bytes per second for d, in lines of about 1 KiB.
func (r *rig) print(c *runtimetest.Container, rate int64, d time.Duration) {
	r.Helper()
	const lines = 10
	each := time.Duration(lines * kib * int64(time.Second) / rate)
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(each) {
		r.must(c.Print("stdout", lines-2, int(kib)))
		r.must(c.Print("stderr", 2, int(kib)))
	}
}

// grow makes a log longer at a rate in bytes per second for d, without lines.
func (r *rig) grow(c *runtimetest.Container, rate int64, d time.Duration) {
	r.Helper()
	each := max(100*time.Microsecond, time.Second/time.Duration(rate), d/20000)
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(each) {
		r.must(c.Grow(rate * int64(each) / int64(time.Second)))
	}
}

// verify makes sure that every line that was written is there, once, in order.
func (r *rig) verify(c *runtimetest.Container) {
	r.Helper()
	if err := runtimetest.Verify(r.dir, c.Path(), c.Written()); err != nil {
		r.Errorf("%s: %v", c.ID(), err)
	}
	if n := c.Overlaps(); n > 0 {
		r.Errorf("%s: %d reopens before the one before had returned", c.ID(), n)
	}
	if n := c.Destroyed(); n > 0 {
		r.Errorf("%s: reopens without a rename have destroyed %d bytes", c.ID(), n)
	}
}

// names lists what lies beside a log, in order.
func names(t *testing.T, log string) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(log))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

// rotated lists the rotated files of a log, oldest first.
func rotated(t *testing.T, log string) []string {
	t.Helper()
	return slices.DeleteFunc(names(t, log), func(name string) bool {
		return !strings.HasPrefix(name, filepath.Base(log)+".2")
	})
}

// sizes are the sizes in bytes of the rotated files of a log, oldest first.
func sizes(t *testing.T, log string) []int64 {
	t.Helper()
	var out []int64
	for _, name := range rotated(t, log) {
		info, err := os.Stat(filepath.Join(filepath.Dir(log), name))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, info.Size())
	}
	return out
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// metric is the value of a metric, summed over those labels that contain all of
// the given values. A histogram counts its observations.
func (r *rig) metric(name string, labels ...string) float64 {
	r.Helper()
	families, err := r.metrics.Gather()
	r.must(err)
	var sum float64
	for _, f := range families {
		if f.GetName() != "cri_logshim_"+name {
			continue
		}
		for _, m := range f.GetMetric() {
			text := fmt.Sprint(m.GetLabel())
			if slices.ContainsFunc(labels, func(l string) bool { return !strings.Contains(text, l) }) {
				continue
			}
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return sum
}

// said counts the messages of the journal that contain text.
func (r *rig) said(text string) int {
	n := 0
	for _, e := range r.journal.AllEntries() {
		if strings.Contains(e.Message, text) {
			n++
		}
	}
	return n
}

// linesOnceEach is verify for a log to which foreign rotators have given names
// that tell nothing of the order.
func (r *rig) linesOnceEach(c *runtimetest.Container) {
	r.Helper()
	found := map[string]uint64{}
	for _, name := range names(r.T, c.Path()) {
		content, err := os.ReadFile(filepath.Join(filepath.Dir(c.Path()), name))
		r.must(err)
		for line := range strings.Lines(string(content)) {
			fields := strings.Fields(line)
			found[fields[3]+" "+fields[4]]++
		}
	}
	var lines uint64
	for stream, n := range c.Written() {
		for i := range n {
			if times := found[fmt.Sprint(stream, " ", i+1)]; times != 1 {
				r.Errorf("line %d of %s is there %d times", i+1, stream, times)
			}
		}
		lines += n
	}
	if uint64(len(found)) != lines {
		r.Errorf("%d lines, want %d", len(found), lines)
	}
}
