package main

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"

	"github.com/cri-logshim/cri-logshim/admin"
)

// answers are what HTTP is answered with.
func (d *daemon) answers() admin.Options {
	return admin.Options{
		About: admin.About{Program: "cri-logshim", Version: readBuildInfo().Version, Mode: string(d.config.Mode), Started: d.facts.started},
		Alive: d.health(), Ready: d.readiness(), Status: func() any { return d.logs.Status() }, Metrics: d.registry, Log: d.log,
		Page: d.page, Facts: d.facts, Events: d.events, Worker: d.facts, Profiles: d.config.Admin.Pprof,
	}
}

// health are the parts of alive, which have its time each.
func (d *daemon) health() []admin.Check {
	within := func(do func(context.Context) error) func(context.Context) []string {
		return func(ctx context.Context) []string {
			ctx, cancel := context.WithTimeout(ctx, aliveTimeout)
			defer cancel()
			if err := do(ctx); err != nil {
				return []string{err.Error()}
			}
			return nil
		}
	}
	return []admin.Check{
		{Name: "cri", Run: within(func(ctx context.Context) error {
			return answers(ctx, d.config.Listen, grpc.WaitForReady(true))
		})},
		{Name: "logs", Run: within(d.logs.Beat)},
	}
}

// readiness are the things without which not all of the work is done; the runtime is the first,
// since others may follow from it.
func (d *daemon) readiness() []admin.Check {
	return []admin.Check{
		{Name: "runtime", Run: func(context.Context) []string {
			if s := d.proxy.RuntimeState(); s != connectivity.Ready {
				reason := "no connection to the runtime at " + d.config.RuntimeEndpoint
				if since := d.facts.awaySince(); !since.IsZero() {
					reason += " since " + since.Format(time.RFC3339)
				}
				return []string{reason}
			}
			return nil
		}},
		{Name: "logs", Run: func(context.Context) []string { return d.logs.Trouble() }},
		{Name: "bypass", Run: func(context.Context) []string { return d.link.reasons() }},
	}
}

// trouble returns the reasons why not all of the work is done.
func (d *daemon) trouble(ctx context.Context) []string {
	var reasons []string
	for _, check := range d.readiness() {
		reasons = append(reasons, check.Run(ctx)...)
	}
	return reasons
}
