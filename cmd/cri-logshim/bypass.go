package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"github.com/cri-logshim/cri-logshim/bypass"
	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/event"
)

const (
	// linkPause is how often kubelet's link is looked after.
	linkPause = 2 * time.Second
	// provenTime is how long the daemon has to serve until an automatic bypass ends, so that one
	// that dies again at once does not draw kubelet to and fro.
	provenTime = 10 * time.Second
	// soonTime is how long systemd, and kubelet's start with it, waits for the link when the daemon
	// begins to serve.
	soonTime = time.Second
)

// endpointsOf are the paths that a configuration names. Its Link is empty where no link is
// wanted.
func endpointsOf(c config.Configuration) bypass.Endpoints {
	return bypass.Endpoints{Link: pathOf(c.KubeletEndpoint), Shim: pathOf(c.Listen), Runtime: pathOf(c.RuntimeEndpoint)}
}

func pathOf(endpoint string) string { return strings.TrimPrefix(endpoint, "unix://") }

// wayOf is where the link leads in a mode, without a bypass.
func wayOf(m config.Mode) bypass.Way {
	if m == config.ModeProxy {
		return bypass.ToShim
	}
	return bypass.ToRuntime
}

// follow says how a kubelet is brought along that has connections elsewhere.
const follow = "connections that kubelet has stay where they are until it is restarted (systemctl restart kubelet), which no pod notices"

// linkKeeper keeps kubelet's link where it belongs while the daemon serves.
//
//	bypass off       -> the link leads to the shim, in mode proxy, or to the runtime
//	put on by hand   -> it stays as it is until it is taken off
//	automatic        -> it stays until the daemon has served for provenTime
type linkKeeper struct {
	endpoints bypass.Endpoints
	to        bypass.Way
	log       logrus.FieldLogger
	bypassed  prometheus.Gauge
	since     time.Time // when the daemon began to serve; zero: it does not yet
	saved     bool      // where kubelet is led, for the case that the daemon does not come up

	mu      sync.Mutex
	trouble string // why kubelet does not come here; empty: it does
	said    string // what was logged last, so that it is said once
}

func newLinkKeeper(c config.Configuration, log logrus.FieldLogger, registry prometheus.Registerer) *linkKeeper {
	k := &linkKeeper{
		endpoints: endpointsOf(c), to: wayOf(c.Mode), log: log,
		bypassed: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: "cri_logshim", Name: "bypassed", Help: "1 while a bypass leads kubelet's endpoint past this daemon, to the runtime.",
		}),
	}
	registry.MustRegister(k.bypassed)
	return k
}

// serves leads kubelet here, now that somebody serves. What cannot be done is logged, and
// tried again: calls that come are served all the same.
func (k *linkKeeper) serves(ctx context.Context) {
	k.since = time.Now()
	if k.endpoints.Link == "" {
		k.tell(bypass.Forget(filepath.Dir(k.endpoints.Shim)))
		return
	}
	ctx, cancel := context.WithTimeoutCause(ctx, soonTime, errLater)
	defer cancel()
	k.look(ctx)
	k.save(ctx)
}

// errLater says that the link is not waited for any longer.
var errLater = fmt.Errorf("another process has held it for %v; it is tried again", soonTime)

// save writes down where kubelet is led, unless that was done.
func (k *linkKeeper) save(ctx context.Context) {
	if k.saved {
		return
	}
	err := k.endpoints.Save(ctx)
	if k.saved = !errors.Is(err, bypass.ErrBusy) && !errors.Is(err, errLater); err != nil && !errors.Is(err, context.Canceled) {
		k.log.WithError(err).Warn("cannot write down where kubelet is led, for the case that this daemon does not come up")
	}
}

// run looks after the link until ctx is done.
func (k *linkKeeper) run(ctx context.Context, serves <-chan struct{}) error {
	select {
	case <-serves:
	case <-ctx.Done():
		return nil
	}
	if k.endpoints.Link == "" {
		return nil
	}
	pause := time.NewTicker(linkPause)
	defer pause.Stop()
	for {
		select {
		case <-pause.C:
			k.look(ctx)
			k.save(ctx)
		case <-ctx.Done():
			return nil
		}
	}
}

// look leads the link where it belongs and tells what has changed.
func (k *linkKeeper) look(ctx context.Context) {
	before, now, err := k.endpoints.Keep(ctx, k.to, time.Since(k.since) >= provenTime)
	if err != nil {
		k.tell(err)
		return
	}
	k.tellBypass(before, now)
}

// tell logs an error once for as long as it stays the same.
func (k *linkKeeper) tell(err error) {
	if err == nil || errors.Is(err, context.Canceled) {
		return
	}
	if k.isNews(err.Error(), "kubelet cannot be led here: "+err.Error()) {
		k.log.WithError(err).Warn("cannot lead kubelet's endpoint where it belongs")
	}
}

// tellBypass logs where the link leads, if that is new.
func (k *linkKeeper) tellBypass(before, now bypass.Status) {
	log := k.log.WithField("link", now.Link).WithField("target", now.Target)
	if now.Bypass == nil || k.to != bypass.ToShim { // kubelet is where it belongs
		k.bypassed.Set(0)
		switch news := k.isNews(now.Target, ""); {
		case before.Bypass != nil && now.Bypass == nil && k.to == bypass.ToShim:
			event.BypassEnded.On(log).Warn("the automatic bypass has ended, kubelet's endpoint leads here again; " + follow)
		case news:
			log.Info("kubelet's endpoint leads to the " + string(now.Way))
		}
		return
	}
	k.bypassed.Set(1)
	what := "kubelet is led past this daemon, " + now.Bypass.String()
	if !k.isNews(what, what) {
		return
	}
	if now.Bypass.Automatic {
		event.Bypassed.On(log).Warnf("%s; it is led back when this daemon has served for %v", what, provenTime)
		return
	}
	event.Bypassed.On(log).Warn(what + "; \"cri-logshim bypass off\" leads it back")
}

// isNews notes the state of things, and tells whether it has changed.
func (k *linkKeeper) isNews(what, trouble string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	changed := k.said != what
	k.said, k.trouble = what, trouble
	return changed
}

// reasons are why kubelet does not come here, if it does not.
func (k *linkKeeper) reasons() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.trouble == "" {
		return nil
	}
	return []string{k.trouble}
}
