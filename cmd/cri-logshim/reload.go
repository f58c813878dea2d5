package main

import (
	"context"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	sd "github.com/coreos/go-systemd/v22/daemon"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/event"
	"github.com/cri-logshim/cri-logshim/policy"
)

// followConfig applies the configuration anew on SIGHUP and when its file has
// changed.
func (d *daemon) followConfig(ctx context.Context, hangups <-chan os.Signal) error {
	ctx, stop := context.WithCancel(ctx)
	changes := make(chan struct{}, 1)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		err := config.Watch(ctx, d.options.configPath, func() {
			select {
			case changes <- struct{}{}:
			default:
			}
		})
		if err != nil {
			d.log.WithError(err).Info("the configuration file is not watched; SIGHUP makes it be read again")
		}
	}()
	defer func() {
		stop()
		<-watched
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-hangups:
			d.tell(sd.SdNotifyReloading + "\n" + sd.SdNotifyMonotonicUsec())
			d.reload(ctx, true)
			if d.handedOver.Load() {
				return nil
			}
			d.tell(sd.SdNotifyReady)
		case <-changes:
			d.reload(ctx, false)
		}
	}
}

// reload applies what can be changed while serving; if asked, all that has changed,
// the program too, by handing over to a successor where needed. An invalid file and a
// hand-over that fails change nothing.
func (d *daemon) reload(ctx context.Context, asked bool) {
	replaced := d.program.replaced()
	next, err := d.options.reload()
	if err != nil {
		d.invalid(err)
		if asked && replaced {
			d.log.WithField("program", d.program.path).Error("the new program waits for a valid configuration, and then for another reload (SIGHUP)")
		}
		return
	}
	merged := withReloadable(d.config, next)
	waiting := differing(merged, next)
	if asked && (replaced || len(waiting) > 0) {
		d.broken = false
		d.valid.Set(1)
		d.bringSuccessor(ctx, waiting, replaced)
		return
	}
	if err := d.torn(next); err != nil {
		d.invalid(err)
		return
	}
	repaired := d.broken
	d.broken = false
	d.valid.Set(1)
	d.tellWaiting(waiting, replaced)
	if reflect.DeepEqual(merged, d.config) && !asked {
		if repaired {
			d.log.Info("the configuration file is valid again; what is in force has not changed")
		}
		return
	}
	settings, err := policy.Settings(merged, d.annotations.Report)
	if err != nil {
		d.invalid(err)
		return
	}
	takeReloadable(&d.config, merged) // and touch no other: they are read by others
	d.log.SetLevel(level(merged.Log))
	d.logs.Configure(settings)
	d.reloads.WithLabelValues("applied").Inc()
	event.ConfigReloaded.On(d.log).Info("configuration reloaded")
}

// tellWaiting tells of what has changed and waits for a reload that is asked for.
func (d *daemon) tellWaiting(settings []string, program bool) {
	live := slices.DeleteFunc(slices.Clone(settings), func(s string) bool { return s == settingListen })
	if len(live) > 0 {
		d.log.WithField("settings", strings.Join(live, ", ")).Warn("changed settings come into force with a reload (SIGHUP) or a restart")
	}
	if len(live) < len(settings) {
		d.log.WithField("settings", settingListen).Warn("another socket comes into force with a restart; the socket unit and kubelet have to be told of it too")
	}
	if program {
		d.log.WithField("program", d.program.path).Warn("a new program comes into force with a reload (SIGHUP) or a restart")
	}
}

// bringSuccessor hands over to a process with the settings that cannot change while
// serving, or the new program. Where that fails all is as before.
func (d *daemon) bringSuccessor(ctx context.Context, settings []string, program bool) {
	log := d.log.WithField("program", d.program.path).WithField("new_program", program)
	if len(settings) > 0 {
		log = log.WithField("settings", strings.Join(settings, ", "))
	}
	log.Info("handing over to a new process")
	if err := d.handOver(ctx); err != nil {
		d.reloads.WithLabelValues("failed").Inc()
		event.HandoverFailed.On(log).WithError(err).Error("cannot hand over: this process goes on as before")
		return
	}
	if slices.Contains(settings, "runtimeEndpoint") || slices.Contains(settings, "imageEndpoint") {
		d.proxy.EndStreams() // which tell of the runtime before
	}
}

// torn refuses a new configuration of which one half would come into force now and the
// other, without which it is not meant, with a restart: logs would be kept in the old
// keepDir, or nowhere.
func (d *daemon) torn(next config.Configuration) error {
	if next.KeepDir == d.config.KeepDir || len(terms(next)) == 0 || slices.Equal(terms(next), terms(d.config)) {
		return nil
	}
	return config.Fault{
		File: d.options.configPath, Line: d.options.lines["keepDir"], Path: "keepDir",
		Message: fmt.Sprintf("comes into force with a restart (now %q), and keepAfterRemoval is changed with it; restart, or change one after the other", d.config.KeepDir),
	}
}

// terms are the times for which logs of removed pods are kept, of the node and of the
// rules that keep any.
func terms(c config.Configuration) []time.Duration {
	all := []time.Duration{c.Rotation.KeepAfterRemoval}
	for _, p := range c.Policies {
		if p.Rotation.KeepAfterRemoval != nil {
			all = append(all, *p.Rotation.KeepAfterRemoval)
		}
	}
	return slices.DeleteFunc(all, func(term time.Duration) bool { return term == 0 })
}

// invalid tells what is wrong with a new configuration, each fault on a line of
// its own.
func (d *daemon) invalid(err error) {
	d.reloads.WithLabelValues("invalid").Inc()
	d.broken = true
	d.valid.Set(0)
	for _, fault := range each(err) {
		event.ConfigRefused.On(d.log).WithError(fault).Error("the new configuration is invalid, so the old one stays in force")
	}
}

// withReloadable returns running with those settings of next that can be changed
// while serving.
func withReloadable(running, next config.Configuration) config.Configuration {
	takeReloadable(&running, next)
	return running
}

func takeReloadable(c *config.Configuration, next config.Configuration) {
	c.Rotation = next.Rotation
	c.Files = next.Files
	c.Policies = next.Policies
	c.Annotations = next.Annotations
	c.Node = next.Node
	c.Log.Level = next.Log.Level
}

// differing names the settings and sections in which two configurations differ.
func differing(a, b config.Configuration) (keys []string) {
	va, vb := reflect.ValueOf(a), reflect.ValueOf(b)
	for i := range va.NumField() {
		if !reflect.DeepEqual(va.Field(i).Interface(), vb.Field(i).Interface()) {
			keys = append(keys, va.Type().Field(i).Tag.Get("yaml"))
		}
	}
	return keys
}
