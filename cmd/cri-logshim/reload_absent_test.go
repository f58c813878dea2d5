package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/logmgr"
	"github.com/cri-logshim/cri-logshim/logmgr/runtimetest"
	"github.com/cri-logshim/cri-logshim/policy"
)

// A served file that is emptied where it lies changes nothing, though a log is
// there that the default limit would have rotated.
func TestReloadEmptied(t *testing.T) {
	t.Parallel()
	p, f, d := newReloading(t)
	if err := os.Truncate(f.logPath, 2*int64(config.Default().Rotation.MaxSize)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p.file(), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	d.waitSaid(t, "level=error", "the old one stays in force", "config.yaml: holds nothing")
	if got := metric(t, p, `cri_logshim_config_reloads_total{result="invalid"}`); got != "1" {
		t.Errorf("%s invalid reloads are counted, want 1", got)
	}
	if got := metric(t, p, "cri_logshim_rotations_total"); got != "0" || len(f.reopens) != 0 {
		t.Errorf("%s rotations: the default limit is in force", got)
	}
	if got := d.said("configuration reloaded"); len(got) != 0 {
		t.Errorf("it says %q", got)
	}
	if got := d.said("level=error"); len(got) != 1 {
		t.Errorf("errors in the log: %q, want one", got)
	}
	p.config.Rotation.MaxSize = 4 << 10
	p.write(t)
	receive(t, "a reopen", f.reopens)
	d.end(t)
}

// newReloader returns a daemon that serves nothing, but has read its
// configuration and can do so again.
func newReloader(t *testing.T, o *options) (*daemon, *test.Hook) {
	t.Helper()
	c, err := o.load()
	if err != nil {
		t.Fatal(err)
	}
	log, journal := test.NewNullLogger()
	reporter, err := policy.NewReporter(log, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	settings, err := policy.Settings(c, reporter.Report)
	if err != nil {
		t.Fatal(err)
	}
	logs, err := logmgr.New(logmgr.Options{
		PodLogsDir: t.TempDir(), Settings: settings, Runtime: runtimetest.NewFake(), Doorbell: runtimetest.NewDoorbell(),
		Log: log, Metrics: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		over, end := context.WithCancel(context.WithoutCancel(t.Context()))
		end()
		if err := logs.Run(over); err != nil { // lets go of the directory
			t.Error(err)
		}
	})
	return &daemon{
		options: o, config: c, log: log, logs: logs, annotations: reporter,
		reloads: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "reloads", Help: "Reloads."}, []string{"result"}),
		valid:   prometheus.NewGauge(prometheus.GaugeOpts{Name: "valid", Help: "Whether the file is."}),
	}, journal
}

// What has been served does not give way to the defaults, whether the file was
// named or is the one that may be absent.
func TestReloadWithoutContent(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(path string) error{
		"emptied": func(path string) error { return os.Truncate(path, 0) },
		"comment": func(path string) error { return os.WriteFile(path, []byte("--- # being edited\n"), 0o600) },
		"null":    func(path string) error { return os.WriteFile(path, []byte("~\n"), 0o600) },
		"blank":   func(path string) error { return os.WriteFile(path, []byte(" \n\t\r\n"), 0o600) },
		"comments": func(path string) error {
			return os.WriteFile(path, []byte("# Settings of this node\n---\n  # as the rollout makes them\n"), 0o600)
		},
		"removed": os.Remove,
		"directory": func(path string) error {
			return errors.Join(os.Remove(path), os.Mkdir(path, 0o700))
		},
	} {
		for at, named := range map[string]bool{"named": true, "default path": false} {
			t.Run(name+", "+at, func(t *testing.T) {
				t.Parallel()
				c := config.Default()
				c.Rotation.MaxFiles = 77
				c.Log.Level = config.LogDebug
				text, err := c.YAML()
				if err != nil {
					t.Fatal(err)
				}
				path := filepath.Join(t.TempDir(), "config.yaml")
				if err := os.WriteFile(path, text, 0o600); err != nil {
					t.Fatal(err)
				}
				o := &options{configPath: path, given: func(flag string) bool { return named && flag == "config" }}
				d, journal := newReloader(t, o)
				before := d.config
				if err := spoil(path); err != nil {
					t.Fatal(err)
				}
				for i, asked := range []bool{false, true} {
					d.reload(t.Context(), asked)
					said := journal.AllEntries()
					if len(said) != i+1 || said[i].Level != logrus.ErrorLevel || !strings.Contains(said[i].Message, "the old one stays in force") {
						t.Errorf("after %d reloads it has said %v", i+1, said)
					}
					if err, ok := said[i].Data[logrus.ErrorKey].(error); !ok || !strings.Contains(err.Error(), path) {
						t.Errorf("the error %v does not name the file", said[i].Data)
					}
				}
				if d.config.Rotation != before.Rotation || d.config.Log != before.Log {
					t.Errorf("in force are %+v", d.config)
				}
				if invalid := testutil.ToFloat64(d.reloads.WithLabelValues("invalid")); invalid != 2 {
					t.Errorf("%v invalid reloads are counted, want 2", invalid)
				}
				if err := errors.Join(os.RemoveAll(path), os.WriteFile(path, text, 0o600)); err != nil {
					t.Fatal(err)
				}
				d.reload(t.Context(), true)
				if applied := testutil.ToFloat64(d.reloads.WithLabelValues("applied")); applied != 1 {
					t.Errorf("%v reloads are applied once the file is back", applied)
				}
			})
		}
	}
}

// Where there never was a file, a hangup applies the defaults again; once one has
// come, it is followed.
func TestReloadStillAbsent(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "config.yaml")
	d, journal := newReloader(t, &options{configPath: path, given: func(string) bool { return false }})
	d.reload(t.Context(), false)
	d.reload(t.Context(), true)
	if applied, said := testutil.ToFloat64(d.reloads.WithLabelValues("applied")), journal.LastEntry(); applied != 1 || said.Level != logrus.InfoLevel {
		t.Errorf("%v reloads are applied, it says %v", applied, said)
	}
	if d.config.Rotation != config.Default().Rotation {
		t.Errorf("in force is %+v", d.config.Rotation)
	}
	c := config.Default()
	c.Rotation.MaxFiles = 77
	text, err := c.YAML()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	d.reload(t.Context(), false)
	if d.config.Rotation.MaxFiles != 77 {
		t.Errorf("in force is %+v", d.config.Rotation)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	d.reload(t.Context(), false)
	if d.config.Rotation.MaxFiles != 77 {
		t.Errorf("after the removal, in force is %+v", d.config.Rotation)
	}
}
