package main

import (
	"context"
	"os"
	"reflect"
	"strings"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/logmgr"
	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
)

// settings is what the configuration says of logs.
func settings(c config.Configuration) logmgr.Settings {
	p := policy(c)
	return logmgr.Settings{PolicyOf: func(logmgr.Container) logmgr.Policy { return p }}
}

// policy is what the configuration says of every log.
func policy(c config.Configuration) logmgr.Policy {
	p := logmgr.Policy{
		MaxSize:       int64(c.Rotation.MaxSize),
		MaxFiles:      c.Rotation.MaxFiles,
		CompressAfter: c.Rotation.CompressAfter,
	}
	switch c.Rotation.Compression {
	case config.CompressionNone:
		p.Compression = logfile.Plain
	case config.CompressionGzip:
		p.Compression = logfile.Gzip
	case config.CompressionZstd:
		p.Compression = logfile.Zstd
	}
	return p
}

// followConfig applies the configuration anew on SIGHUP and when its file has
// changed.
func (d *daemon) followConfig(ctx context.Context, hangups <-chan os.Signal) error {
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
	defer func() { <-watched }()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-hangups:
			d.reload(true)
		case <-changes:
			d.reload(false)
		}
	}
}

// reload applies what can be changed while serving. An invalid file changes
// nothing.
func (d *daemon) reload(asked bool) {
	next, err := d.options.reload()
	if err != nil {
		d.reloads.WithLabelValues("invalid").Inc()
		d.log.WithError(err).Error("the new configuration is invalid, so the old one stays in force")
		return
	}
	if waiting := waitForRestart(d.config, next); len(waiting) > 0 {
		d.log.WithField("settings", strings.Join(waiting, ", ")).Warn("changed settings come into force with a restart")
	}
	if next.Rotation == d.config.Rotation && next.Log.Level == d.config.Log.Level && !asked {
		return
	}
	d.config.Rotation, d.config.Log.Level = next.Rotation, next.Log.Level
	d.log.SetLevel(level(next.Log))
	d.logs.Configure(settings(next))
	d.reloads.WithLabelValues("applied").Inc()
	d.log.Info("configuration reloaded")
}

// waitForRestart names the settings in which two configurations differ, but for
// those that a reload applies.
func waitForRestart(before, after config.Configuration) (keys []string) {
	before.Rotation, before.Log.Level = after.Rotation, after.Log.Level
	b, a := reflect.ValueOf(before), reflect.ValueOf(after)
	for i := range b.NumField() {
		if !reflect.DeepEqual(b.Field(i).Interface(), a.Field(i).Interface()) {
			keys = append(keys, b.Type().Field(i).Tag.Get("yaml"))
		}
	}
	return keys
}
