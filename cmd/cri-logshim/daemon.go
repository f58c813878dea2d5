package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"

	"github.com/cri-logshim/cri-logshim/admin"
	"github.com/cri-logshim/cri-logshim/admin/page"
	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/event"
	"github.com/cri-logshim/cri-logshim/logmgr"
	"github.com/cri-logshim/cri-logshim/logmgr/criruntime"
	"github.com/cri-logshim/cri-logshim/logmgr/docker"
	"github.com/cri-logshim/cri-logshim/logmgr/readers"
	"github.com/cri-logshim/cri-logshim/policy"
	"github.com/cri-logshim/cri-logshim/proxy"
)

// daemon is the running whole: the proxy, the log manager that its interceptors
// feed, and what an operator sees of them.
type daemon struct {
	options  *options
	config   config.Configuration
	log      *logrus.Logger
	registry *prometheus.Registry
	reloads  *prometheus.CounterVec
	valid    prometheus.Gauge // whether the configuration file is, as it was read last
	broken   bool             // it is not; followConfig's
	// annotations tells of those that are not followed.
	annotations *policy.Reporter
	proxy       *proxy.Proxy
	runtime     *docker.Runtime
	logs        logKeeper
	bell        *logmgr.Inotify
	events      *admin.Events
	facts       *facts
	page        http.Handler
	link        *linkKeeper
	serves      chan struct{} // closed when calls are answered
	listener    *proxy.Listener
	admin       net.Listener // nil: off
	metrics     net.Listener // nil: off
	// certificates are what metrics are served with; nil: plain HTTP.
	certificates *admin.Certificates
	drained      chan struct{} // closed when the proxy has ended
	program      program
	predecessor  *predecessor // nil: there was none
	endWork      context.CancelFunc
	handedOver   atomic.Bool // to a successor, which does all work but what is in flight
}

// newDaemon makes everything that can fail at the start. After an error its
// sockets are closed; the process is to end.
func newDaemon(ctx context.Context, o *options, stderr io.Writer) (_ *daemon, err error) {
	c, err := o.load()
	if err != nil {
		return nil, err
	}
	d := &daemon{
		endWork: func() {},
		options: o, config: c, log: newLogger(c.Log, stderr), registry: prometheus.NewRegistry(),
		bell: logmgr.NewInotify(), drained: make(chan struct{}), serves: make(chan struct{}),
		events: admin.NewEvents(),
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.close())
		}
	}()
	d.log.AddHook(d.events)
	d.facts = &facts{daemon: d, started: time.Now()}
	if d.page, err = page.New(page.Options{Source: d.facts, Log: d.log}); err != nil {
		return nil, err
	}
	if d.predecessor, err = findPredecessor(); err != nil {
		return nil, err
	}
	if d.program, err = ownProgram(); err != nil {
		return nil, err
	}
	d.reloads = prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: "cri_logshim", Name: "config_reloads_total", Help: "Reloads of the configuration, by result.",
	}, []string{"result"})
	for _, result := range []string{"applied", "failed", "invalid"} {
		d.reloads.WithLabelValues(result) // or the first one would be seen as no increase
	}
	d.valid = prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: "cri_logshim", Name: "config_valid", Help: "1 if the configuration file is valid, as it was read last; 0 while an older one stays in force.",
	})
	d.valid.Set(1)
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: "cri_logshim", Name: "build_info", Help: "1; its label version says which build serves.",
		ConstLabels: prometheus.Labels{"version": readBuildInfo().Version},
	})
	build.Set(1)
	d.registry.MustRegister(build, d.reloads, d.valid, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if d.annotations, err = policy.NewReporter(d.log, d.registry); err != nil {
		return nil, err
	}
	d.link = newLinkKeeper(c, d.log, d.registry)
	settings, err := policy.Settings(c, d.annotations.Report)
	if err != nil {
		return nil, err
	}
	if err := d.listen(ctx); err != nil {
		return nil, err
	}
	// The hooks tell the log manager, the log manager asks the runtime through
	// the proxy's connection, and the proxy calls the hooks: one of them has to
	// be filled in later. Nothing is served before that.
	var hooks grpc.StreamServerInterceptor
	added, err := newAdded(d.registry)
	if err != nil {
		return nil, err
	}
	//nolint:contextcheck // its calls have contexts of their own
	d.proxy, err = proxy.New(proxy.Options{
		RuntimeEndpoint: c.RuntimeEndpoint,
		ImageEndpoint:   c.ImageEndpoint,
		DrainTimeout:    max(c.DrainTimeout, time.Nanosecond), // 0 would be the proxy's default
		Added:           added,
		Log:             d.log,
		Interceptors: append(observers(d.log, d.registry),
			func(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
				d.facts.called()
				return hooks(srv, ss, info, handler)
			}),
	})
	if err != nil {
		return nil, err
	}
	d.registry.MustRegister(newUpstreamState(d.proxy.RuntimeState))
	d.runtime = docker.New(criruntime.New(d.proxy.Runtime()), c.Docker.Endpoint, d.log)
	hooks, err = d.keepLogs(logmgr.Options{
		PodLogsDir: c.PodLogsDir,
		LegacyDir:  c.Links.LegacyDir,
		KeepDir:    c.KeepDir,
		Settings:   settings,
		Runtime:    d.runtime,
		Doorbell:   d.bell,
		Readers:    d.readers(),
		Learning:   learning,
		TakesOver:  d.predecessor != nil,
		Log:        d.log,
		Metrics:    d.registry,

		ContainerSums: c.Admin.ContainerMetrics,
	})
	if err != nil {
		return nil, err
	}
	return d, d.registry.Register(newSumMetrics(d.logs.Sums, c.Admin.ContainerMetrics))
}

// listen opens the sockets, or takes those that systemd or a predecessor has opened.
func (d *daemon) listen(ctx context.Context) error {
	inherited, err := activation.Listeners()
	if err != nil {
		return fmt.Errorf("take over systemd's sockets: %w", err)
	}
	if slices.Contains(inherited, nil) {
		return errors.New("take over systemd's sockets: something that was passed is no listening socket")
	}
	if d.listener, err = d.listenCRI(inherited); err != nil {
		return err
	}
	if d.admin, err = d.listenAdmin(ctx, settingAdmin, d.config.Admin.Listen); err != nil {
		return fmt.Errorf("%s: %w", settingAdmin, err)
	}
	if d.metrics, err = d.listenAdmin(ctx, settingMetrics, d.config.Admin.Metrics); err != nil {
		return fmt.Errorf("%s: %w", settingMetrics, err)
	}
	return d.readCertificates()
}

// readCertificates reads what admin.metrics is served with, and warns where that is nothing
// although others can listen.
func (d *daemon) readCertificates() (err error) {
	files := admin.CertificateFiles{Certificate: d.config.Admin.TLS.CertFile, Key: d.config.Admin.TLS.KeyFile, ClientCAs: d.config.Admin.TLS.ClientCAFile}
	if files.Certificate != "" {
		if d.certificates, err = admin.NewCertificates(files, d.log); err != nil {
			return fmt.Errorf("admin.tls: %w", err)
		}
		return nil
	}
	if d.metrics == nil {
		return nil
	}
	if tcp, is := d.metrics.Addr().(*net.TCPAddr); is && !tcp.IP.IsLoopback() {
		d.log.WithField("address", tcp).Warn("admin.metrics is served to others without encryption; set admin.tls, or an address of this machine's own such as 127.0.0.1:9465")
	}
	return nil
}

// listenCRI opens the socket that kubelet speaks to.
func (d *daemon) listenCRI(inherited []net.Listener) (*proxy.Listener, error) {
	if d.predecessor == nil {
		return proxy.Listen(d.config.Listen, inherited)
	}
	l, is := d.predecessor.listener(settingListen, d.config.Listen).(*proxy.Listener)
	if !is {
		return nil, fmt.Errorf("listen is now %q: another socket comes into force with a restart, and kubelet has to be told of it", d.config.Listen)
	}
	return l, nil
}

// listenAdmin opens the unix:// endpoint or TCP address of a setting. The listener is nil
// where that is empty.
func (d *daemon) listenAdmin(ctx context.Context, setting, endpoint string) (net.Listener, error) {
	if l := d.predecessor.listener(setting, endpoint); l != nil {
		return l, nil
	}
	switch {
	case endpoint == "":
		return nil, nil //nolint:nilnil // Off is neither an error nor a listener.
	case strings.HasPrefix(endpoint, "unix://"):
		l, err := proxy.Listen(endpoint, nil)
		if err != nil {
			return nil, err // and no listener that is one in name only
		}
		return l, nil
	}
	return new(net.ListenConfig).Listen(ctx, "tcp", endpoint)
}

// readers finds those who read logs. Every log that kubelet asks for has ".log" in
// its name.
func (d *daemon) readers() logmgr.Readers {
	finder := readers.New("/proc", ".log")
	switch confined, err := finder.Confined(); {
	case err != nil:
		d.log.WithError(err).Warn("cannot tell whether all processes that read logs can be seen")
	case confined:
		d.log.Warn("processes that read logs and live outside of this pid namespace, or are hidden in /proc, cannot be seen: what they read is not waited for")
	}
	return finder
}

// run serves until ctx is done and everything has ended, or until it has handed over and
// its last call has ended. A hangup makes it read its configuration again.
func (d *daemon) run(ctx context.Context, hangups <-chan os.Signal) error {
	group, ctx := errgroup.WithContext(ctx)
	// All other work goes on for as long as calls are accepted, and ends with a hand-over.
	working, endWork := context.WithCancel(context.WithoutCancel(ctx))
	defer endWork()
	d.endWork = endWork
	group.Go(func() error {
		defer close(d.drained)
		defer endWork()
		return d.proxy.Serve(ctx, d.listener)
	})
	group.Go(func() error {
		select {
		case <-d.proxy.Closing():
			endWork()
		case <-working.Done():
		}
		return nil
	})
	work := func(do func(context.Context) error) {
		group.Go(func() error { return d.unlessHandedOver(do(working)) })
	}
	work(d.manageLogs)
	work(d.followEvents)
	work(func(ctx context.Context) error {
		return d.serveAdmin(ctx, admin.ForOperators(d.answers()), d.admin, nil)
	})
	work(func(ctx context.Context) error {
		return d.serveAdmin(ctx, admin.ForMonitoring(d.answers()), d.metrics, d.certificates)
	})
	work(d.bell.Run)
	work(d.annotations.Run)
	group.Go(func() error {
		d.proxy.WatchRuntime(working, func(s connectivity.State) {
			d.facts.saw(s)
			if s == connectivity.Ready {
				d.runtime.Reconnected()
				d.logs.Reconnected()
			}
		})
		return nil
	})
	group.Go(func() error { return d.followConfig(ctx, hangups) })
	work(func(ctx context.Context) error { return d.link.run(ctx, d.serves) })
	work(d.notifySystemd)
	d.tellServing()
	err := group.Wait()
	d.runtime.Close()
	return errors.Join(err, d.proxy.Close())
}

// tellServing says what is served where: of addresses what the kernel has made of them.
func (d *daemon) tellServing() {
	fields := logrus.Fields{"mode": d.config.Mode, "listen": d.config.Listen, "runtime": d.config.RuntimeEndpoint, "version": readBuildInfo().Version}
	for setting, l := range map[string]net.Listener{settingAdmin: d.admin, settingMetrics: d.metrics} {
		if l != nil {
			fields[setting] = l.Addr().String()
		}
	}
	event.Serving.On(d.log).WithFields(fields).Info("serving")
}

// serveAdmin answers on a listener, if there is one, with TLS if there are certificates, until ctx
// is done.
func (d *daemon) serveAdmin(ctx context.Context, handler http.Handler, listener net.Listener, certificates *admin.Certificates) error {
	if listener == nil {
		return nil
	}
	listener = admin.Bounded(listener)
	if certificates != nil {
		listener = tls.NewListener(listener, certificates.Config())
	}
	return admin.Serve(ctx, handler, d.log, listener)
}

// close lets go of the sockets that newDaemon has opened before it failed.
func (d *daemon) close() error {
	var errs []error
	for _, l := range []net.Listener{d.admin, d.metrics} {
		if l != nil {
			errs = append(errs, l.Close())
		}
	}
	if d.listener != nil {
		errs = append(errs, d.listener.Close())
	}
	errs = append(errs, d.predecessor.close())
	if d.proxy != nil {
		errs = append(errs, d.proxy.Close())
	}
	return errors.Join(errs...)
}
