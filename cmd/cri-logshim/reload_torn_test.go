package main

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/config"
)

// Where logs are kept changes with a restart only, for how long at once. A file that
// changes both is refused whole, with the half that has to wait; one that ends
// keeping, or changes one of them, is not.
func TestReloadTorn(t *testing.T) {
	t.Parallel()
	const elsewhere = "/elsewhere"
	keep := func(dir string, term time.Duration, rules ...time.Duration) config.Configuration {
		c := config.Default()
		c.KeepDir, c.Rotation.KeepAfterRemoval = dir, term
		for _, term := range rules {
			c.Policies = append(c.Policies, config.Policy{Rotation: config.RotationOverride{KeepAfterRemoval: &term}})
		}
		return c
	}
	for name, test := range map[string]struct {
		running, next config.Configuration
		refused       bool
	}{
		"begins":           {keep("", 0), keep(elsewhere, time.Hour), true},
		"begins by a rule": {keep("", 0), keep(elsewhere, 0, time.Hour), true},
		"moves and begins": {keep("/here", 0), keep(elsewhere, time.Hour), true},
		"moves and alters": {keep("/here", time.Hour), keep(elsewhere, 2*time.Hour), true},
		"ends":             {keep("/here", time.Hour), keep("", 0), false},
		"moves":            {keep("/here", time.Hour), keep(elsewhere, time.Hour), false},
		"alters":           {keep("/here", time.Hour), keep("/here", 2*time.Hour, time.Hour), false},
		"a rule for none":  {keep("/here", 0), keep(elsewhere, 0, 0), false},
	} {
		d := &daemon{options: &options{}, config: test.running}
		err := d.torn(test.next)
		if (err != nil) != test.refused {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil && withReloadable(test.running, test.next).Validate() != nil {
			t.Errorf("%s: what would be in force is not valid", name)
		}
	}
}

// A refused file applies nothing of it, and says which setting waits for a restart.
func TestReloadTornAppliesNothing(t *testing.T) {
	t.Parallel()
	p, f, d := newReloading(t)
	p.config.KeepDir = filepath.Join(p.dir, "other")
	p.config.Rotation.KeepAfterRemoval = time.Hour
	p.config.Rotation.MaxSize = 4 << 10
	p.write(t)
	d.waitSaid(t, "level=error", "the old one stays in force", "keepDir: comes into force with a restart")
	if got := metric(t, p, "cri_logshim_rotations_total"); got != "0" || len(f.reopens) > 0 {
		t.Errorf("%s rotations: the refused file's limit is in force", got)
	}
	if exists(t, p.config.KeepDir) || len(d.said("configuration reloaded")) > 0 {
		t.Error("a half of it is in force")
	}
	p.config.KeepDir = filepath.Join(p.dir, "kept")
	p.write(t)
	receive(t, "a reopen", f.reopens)
	d.end(t)
}
