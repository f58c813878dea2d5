package main

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/cri-logshim/cri-logshim/config"
)

// newReloading starts a daemon with one container, whose log is within its
// limit as long as that is not lowered.
func newReloading(t *testing.T) (*place, *fakeRuntime, *process) {
	t.Helper()
	p, f := newPlace(t), newFakeRuntime()
	p.config.Rotation.MaxSize = 1 << 30
	f.runContainer(t, p.config.PodLogsDir, 64<<10)
	f.serve(t, p.config.RuntimeEndpoint)
	d := p.serve(t, extras{})
	works(t, p)
	eventually(t, "the log to be managed", func() bool { return metric(t, p, "cri_logshim_logs_managed") == "1" })
	return p, f, d
}

// A lower limit comes into force with a hangup, or when the file is replaced,
// for logs that are managed already.
func TestReloadLimit(t *testing.T) {
	t.Parallel()
	for name, ask := range map[string]func(*testing.T, *process){
		"file": func(*testing.T, *process) {},
		"both": func(t *testing.T, d *process) { t.Helper(); d.signal(t, syscall.SIGHUP) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, f, d := newReloading(t)
			select {
			case id := <-f.reopens:
				t.Fatalf("the log of %s is rotated before the limit is lowered", id)
			default:
			}
			p.config.Rotation.MaxSize = 4 << 10
			p.write(t)
			ask(t, d)
			d.waitSaid(t, "configuration reloaded")
			receive(t, "a reopen", f.reopens)
			entries, err := os.ReadDir(filepath.Dir(f.logPath))
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, e := range entries {
				names = append(names, e.Name())
			}
			if len(names) != 2 || names[0] != "0.log" || !strings.HasPrefix(names[1], "0.log.") {
				t.Errorf("beside the log there is %v, want one rotated file", names)
			}
			d.end(t)
		})
	}
}

// A hangup applies a file that is not watched. The kernel tells of no change in
// the target of a link.
func TestReloadOnHangup(t *testing.T) {
	t.Parallel()
	p, _, d := newReloading(t)
	elsewhere := t.TempDir() + "/config.yaml"
	text, err := os.ReadFile(p.file())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(elsewhere, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(elsewhere, p.file()+".next"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(p.file()+".next", p.file()); err != nil {
		t.Fatal(err)
	}
	lower := strings.Replace(string(text), "maxSize: 1Gi", "maxSize: 4Ki", 1)
	if err := os.WriteFile(elsewhere, []byte(lower), 0o600); err != nil {
		t.Fatal(err)
	}
	d.signal(t, syscall.SIGHUP)
	eventually(t, "a rotation", func() bool { return metric(t, p, "cri_logshim_rotations_total") != "0" })
	d.end(t)
}

// A hangup while the daemon starts does not end it.
func TestReloadWhileStarting(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	d := p.serve(t, extras{})
	eventually(t, "the socket", func() bool { return exists(t, socketOf(p.config.Listen)) })
	d.signal(t, syscall.SIGHUP)
	d.waitSaid(t, "configuration reloaded")
	d.end(t)
}

// The level of the daemon's own log follows the file, in both directions.
func TestReloadLogLevel(t *testing.T) {
	t.Parallel()
	p, _, d := newReloading(t)
	conn := dial(t, p.config.Listen)
	for i, level := range []config.LogLevel{config.LogDebug, config.LogInfo, config.LogDebug} {
		before := len(d.said("grpc.method=Version"))
		p.config.Log.Level = level
		p.write(t)
		eventually(t, "the reload", func() bool { return len(d.said("configuration reloaded")) == i+1 })
		if err := callVersion(t, conn); err != nil {
			t.Fatal(err)
		}
		if level == config.LogDebug {
			eventually(t, "the call in the log", func() bool { return len(d.said("grpc.method=Version")) == before+1 })
		}
	}
	d.end(t)
	// One for each call at level debug, none for the one between them.
	if calls := d.said("grpc.method=Version"); len(calls) != 2 {
		t.Errorf("it says %q, want the two calls at level debug", calls)
	}
}

// A rule, an annotation that is looked at from now on, and a limit of it come into
// force for a container that runs already.
func TestReloadPolicies(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ before, after func(*config.Configuration) }{
		"rule": {
			func(*config.Configuration) {},
			func(c *config.Configuration) {
				c.Policies = []config.Policy{{
					Match: config.Match{Namespace: "n?", PodLabels: map[string]string{"team": "web"}, Container: "app"}, Rotation: config.RotationOverride{MaxSize: new(config.Size(4 << 10))},
				}}
			},
		},
		"annotations": {
			func(c *config.Configuration) { c.Annotations.Enabled = false },
			func(c *config.Configuration) { c.Annotations.Enabled = true },
		},
		"ceiling": {
			// Well above the log's size: one that is nearly full may be rotated a little early.
			func(c *config.Configuration) { c.Annotations.Ceiling.MaxSize = 512 << 10 },
			func(c *config.Configuration) { c.Annotations.Ceiling.MaxSize = 64 << 10 },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, f := newPlace(t), newFakeRuntime()
			p.config.Rotation.MaxSize = 1 << 30
			test.before(&p.config)
			f.labels = map[string]string{"team": "web"}
			f.annotations = map[string]string{"cri-logshim.io/maxSize": "64Ki"}
			if name == "ceiling" {
				f.annotations = map[string]string{"cri-logshim.io/maxSize": "1Mi", "cri-logshim.io/maxFiles": "many"}
			}
			if name == "rule" {
				f.annotations = nil
			}
			f.runContainer(t, p.config.PodLogsDir, 64<<10)
			f.serve(t, p.config.RuntimeEndpoint)
			d := p.serve(t, extras{})
			works(t, p)
			eventually(t, "the log to be managed", func() bool { return metric(t, p, "cri_logshim_logs_managed") == "1" })
			if got := metric(t, p, "cri_logshim_rotations_total"); got != "0" {
				t.Errorf("%s rotations before the change", got)
			}
			test.after(&p.config)
			p.write(t)
			receive(t, "a reopen", f.reopens)
			if got := d.said("restart"); len(got) > 0 {
				t.Errorf("it says %q", got)
			}
			if name == "ceiling" {
				if got := len(d.said("level=warning", "annotation ignored", "cri-logshim.io/maxFiles", "pod=pod")); got != 1 {
					t.Errorf("the invalid annotation is told %d times", got)
				}
				if got := metric(t, p, "cri_logshim_invalid_annotations_total"); got != "3" { // and each of the two bounds
					t.Errorf("%s invalid annotations are counted, want 3", got)
				}
			}
			d.end(t)
		})
	}
}

// Every setting is either applied by a reload or named as one that waits for a
// restart, and none is both.
func TestReloadKnowsEverySetting(t *testing.T) {
	t.Parallel()
	applied := map[string]bool{"rotation": true, "files": true, "policies": true, "annotations": true, "node": true}
	for field := range reflect.TypeFor[config.Configuration]().Fields() {
		key := field.Tag.Get("yaml")
		running, next := config.Default(), config.Default()
		disturb(t, reflect.ValueOf(&next).Elem().FieldByIndex(field.Index))
		merged := withReloadable(running, next)
		waiting := differing(merged, next)
		switch {
		case applied[key] && len(waiting) > 0:
			t.Errorf("%s: waits for a restart", key)
		case !applied[key] && !slices.Equal(waiting, []string{key}):
			t.Errorf("%s: what waits for a restart is %q", key, waiting)
		case key == "log": // in part
		case applied[key] == reflect.DeepEqual(merged, running):
			t.Errorf("%s: applied %v", key, !applied[key])
		}
	}
	next := config.Default()
	next.Log.Level = config.LogDebug
	if waiting := differing(withReloadable(config.Default(), next), next); len(waiting) > 0 {
		t.Errorf("a new log level: %q waits for a restart", waiting)
	}
}

// disturb gives a value and all within it another one.
func disturb(t *testing.T, v reflect.Value) {
	t.Helper()
	switch v.Kind() {
	case reflect.Struct:
		for _, value := range v.Fields() {
			disturb(t, value)
		}
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Int, reflect.Int64:
		v.SetInt(v.Int() + 1)
	case reflect.Uint32:
		v.SetUint(v.Uint() + 1)
	case reflect.Float64:
		v.SetFloat(v.Float() + 1)
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), v.Len()+1, v.Len()+1))
	default:
		t.Fatalf("a setting of the kind %s", v.Kind())
	}
}

// A group that there is not refuses the whole file.
func TestReloadUnknownGroup(t *testing.T) {
	t.Parallel()
	p, f, d := newReloading(t)
	p.config.Files.Group = "no-such-group"
	p.config.Rotation.MaxSize = 4 << 10
	p.write(t)
	d.waitSaid(t, "level=error", "the old one stays in force", "files.group: must be a group of this machine")
	p.config.Files.Group = ""
	if got := metric(t, p, "cri_logshim_rotations_total"); got != "0" {
		t.Errorf("%s rotations: the refused file's limit is in force", got)
	}
	p.write(t)
	receive(t, "a reopen", f.reopens)
	d.end(t)
}

// A file with a fault changes nothing: one line tells of it, and the next good
// file is taken.
func TestReloadInvalid(t *testing.T) {
	t.Parallel()
	p, f, d := newReloading(t)
	p.config.Rotation.MaxSize = 4 << 10
	text, err := p.config.YAML()
	if err != nil {
		t.Fatal(err)
	}
	p.writeText(t, strings.Replace(string(text), "maxFiles: 5", "maxFiles: 1\n  maxfiles: 3", 1))
	d.waitSaid(t, "level=error", "the old one stays in force", "maxFiles: must be at least 2")
	d.waitSaid(t, "level=error", "the old one stays in force", "maxfiles: unknown setting")
	if err := os.Remove(p.file()); err != nil {
		t.Fatal(err)
	}
	d.waitSaid(t, "level=error", "the old one stays in force", "no such file")
	if got := metric(t, p, `cri_logshim_config_reloads_total{result="invalid"}`); got != "2" {
		t.Errorf("%s invalid reloads are counted, want 2", got)
	}
	if faults := d.said("level=error"); len(faults) != 3 {
		t.Errorf("errors in the log: %q, want one for each fault of both bad files", faults)
	}
	if got := metric(t, p, "cri_logshim_rotations_total"); got != "0" || len(f.reopens) != 0 {
		t.Errorf("%s rotations: the bad file's limit is in force", got)
	}
	p.write(t)
	receive(t, "a reopen", f.reopens)
	d.end(t)
}

// A file that is repaired to what is in force is told of once, and its state is in the
// metrics.
func TestReloadRepaired(t *testing.T) {
	t.Parallel()
	p, _, d := newReloading(t)
	text, err := p.config.YAML()
	if err != nil {
		t.Fatal(err)
	}
	valid := func(want string) {
		t.Helper()
		eventually(t, "the state of the file", func() bool { return metric(t, p, "cri_logshim_config_valid") == want })
	}
	valid("1")
	const again = "the configuration file is valid again"
	for i := range 2 {
		p.writeText(t, strings.Replace(string(text), "maxFiles: 5", "maxFiles: 1", 1))
		valid("0")
		if got := d.said(again); len(got) != i {
			t.Errorf("it says %q of an invalid file", got)
		}
		p.write(t)
		valid("1")
		eventually(t, "a word of it", func() bool { return len(d.said("level=info", again)) == i+1 })
	}
	p.writeText(t, string(text)+"# nothing else\n")
	p.config.Rotation.MaxFiles = 6
	p.write(t)
	d.waitSaid(t, "configuration reloaded")
	if got := d.said(again); len(got) != 2 {
		t.Errorf("it says %q, want two lines", got)
	}
	d.end(t)
}

// What cannot be changed while serving is named, and what can be is applied.
func TestReloadNeedsRestart(t *testing.T) {
	t.Parallel()
	p, f, d := newReloading(t)
	old := *p
	p.config.Listen += ".other"
	p.config.Rotation.MaxSize = 4 << 10
	p.write(t)
	d.waitSaid(t, "level=warning", "restart")
	receive(t, "a reopen", f.reopens)
	if exists(t, socketOf(p.config.Listen)) {
		t.Error("the other socket is there")
	}
	works(t, &old)
	d.end(t)
}
