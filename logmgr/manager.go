package logmgr

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"

	"github.com/cri-logshim/cri-logshim/event"
	"github.com/cri-logshim/cri-logshim/logmgr/logfile"
)

// Options are what a Manager needs. All fields without a stated default are
// required.
type Options struct {
	// PodLogsDir is the directory that holds the pods' log directories. It may
	// be a symbolic link; nothing below it may.
	PodLogsDir string
	// LegacyDir is where links for collectors are kept; empty: nowhere.
	LegacyDir string
	// KeepDir is where logs that outlive their pod are, on the file system of
	// PodLogsDir; empty: none do.
	KeepDir string
	Settings
	Runtime  Runtime
	Doorbell Doorbell
	// Readers tells who reads the logs; nil: nobody is waited for.
	Readers Readers
	// Space tells how full the file system of PodLogsDir is; nil: the kernel is asked.
	Space func() (logfile.Space, error)
	// Learning is told when many containers are about to become known at once, as at the
	// start on a full node, and when that is over and their logs have come to rest; the
	// latter after the start in any case. nil: nobody is.
	Learning func(on bool)
	// TakesOver says that another process has managed these logs until now, and has said of
	// them what is said once.
	TakesOver bool
	Log       logrus.FieldLogger
	Metrics   prometheus.Registerer
	// ContainerSums asks for sums by container, too.
	ContainerSums bool

	// Now is the wall clock that stamps rotated files; nil: time.Now.
	Now func() time.Time
	// ReconcileEvery is how often the runtime's list is compared with what is
	// known; 0: 5 s.
	ReconcileEvery time.Duration
	// FastestWriter is the growth, in bytes per second, that every log is always
	// prepared for, however slow it has been; 0: 100 MB/s. A log that has been
	// faster is prepared for that.
	FastestWriter float64
	// LinkGrace is how long kubelet has to make a legacy link itself; 0: 5 s.
	LinkGrace time.Duration
}

// Manager holds container logs to their policy. Its methods may be called from
// any goroutine, before Run too: facts wait until it runs.
type Manager struct {
	Options
	root        *logfile.Root
	mail        *mailbox[func(*registry)]
	gates       gates
	complaints  complaints
	reconcileCh chan struct{} // holds a token when a reconcile is wanted at once
	poller      *poller
	compressor  *compressor
	keeper      *keeper
	lookout     *lookout
	pressure    *pressure
	elsewhere   *elsewhere
	inability   inability                 // of the runtime to reopen logs
	unlisted    atomic.Pointer[time.Time] // since when the runtime cannot list its containers; nil: it can
	lags        *lags
	waiting     atomic.Bool            // for another manager of the same logs to end
	strays      atomic.Int64           // containers with their log outside podLogsDir, if no log is managed
	begun       atomic.Bool            // the registry's goroutine does its work
	files       atomic.Pointer[Files]  // of the settings in force; a new one with each of them
	swaps       atomic.Pointer[spread] // how long rotations take, by the log that was rotated last
	work        *workload
	metrics     *metrics
	scarcity    *scarcity
	books       books
}

// New makes a Manager. The error says when podLogsDir or the kernel is unfit.
func New(o Options) (*Manager, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.ReconcileEvery == 0 {
		o.ReconcileEvery = 5 * time.Second
	}
	if o.FastestWriter == 0 {
		o.FastestWriter = 100e6
	}
	if o.LinkGrace == 0 {
		o.LinkGrace = 5 * time.Second
	}
	if err := os.MkdirAll(o.PodLogsDir, 0o755); err != nil { //nolint:gosec // kubelet makes this directory with the same mode
		return nil, fmt.Errorf("make podLogsDir: %w", err)
	}
	root, err := logfile.OpenRoot(o.PodLogsDir)
	if err != nil {
		return nil, fmt.Errorf("open podLogsDir: %w", err)
	}
	root.Rest = rest
	if o.Space == nil {
		o.Space = root.Space
	}
	m := &Manager{
		Options:     o,
		root:        root,
		mail:        newMailbox[func(*registry)](),
		reconcileCh: make(chan struct{}, 1),
		poller:      newPoller(),
		compressor:  newCompressor(),
		keeper:      newKeeper(o.KeepDir),
		lookout:     newLookout(o.Readers),
		pressure:    newPressure(o.Node),
		elsewhere:   newElsewhere(o.Runtime),
		lags:        newLags(),
		work:        newWorkload(),
		books:       newBooks(o),
	}
	files := o.Files
	m.files.Store(&files)
	m.metrics, err = newMetrics(o.Metrics, m.work, m.lags)
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	m.scarcity = &scarcity{log: m.Log, polled: m.metrics.polled}
	return m, nil
}

// Run waits until no other manager has the same logs, and then manages them until
// ctx is done. A rotation under way then is completed,
// unless the runtime takes longer than a second to answer.
func (m *Manager) Run(ctx context.Context) (err error) {
	unlock, err := m.lock(ctx)
	if err != nil {
		err = errors.Join(err, m.root.Close())
		if ctx.Err() != nil {
			return nil // asked to end while it waited
		}
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	m.keeper.begin(m)
	group, ctx := errgroup.WithContext(ctx)
	r := &registry{
		Manager:    m,
		containers: map[string]*container{},
		logs:       map[string]*containerLog{},
		histories:  map[string]*history{},
		policies:   map[Policy]*Policy{},
		asked:      map[string]bool{},
		unclear:    map[string]string{},
		refusals:   map[string]string{},
	}
	r.spawn = func(name string, f func(context.Context)) context.CancelFunc {
		ctx, cancel := context.WithCancel(ctx)
		group.Go(func() error {
			defer cancel()
			m.protect(name, func() { f(ctx) })
			return nil
		})
		return cancel
	}
	group.Go(func() error { return m.reconcileLoop(ctx) })
	group.Go(func() error { return m.poller.run(ctx, m) })
	group.Go(func() error { return m.compressor.run(ctx, m) })
	group.Go(func() error { return m.keeper.run(ctx, m) })
	group.Go(func() error { return m.lookout.run(ctx, m) })
	group.Go(func() error { return m.pressure.run(ctx, m) })
	group.Go(func() error { return m.elsewhere.run(ctx, m) })
	group.Go(func() error { return m.work.report(ctx, m.Log) })
	m.begun.Store(true)
	group.Go(func() error {
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-m.mail.ready:
				for _, f := range m.mail.take() {
					m.protect("registry", func() { f(r) })
				}
			}
		}
	})
	err = group.Wait()
	return errors.Join(err, r.close())
}

// protect keeps a panic in work on logs from ending the process, which carries
// the node's CRI calls.
func (m *Manager) protect(name string, f func()) {
	defer func() {
		if p := recover(); p != nil {
			m.metrics.panics.Inc()
			event.Panic.On(m.Log).WithField("stack", string(debug.Stack())).Errorf("panic in %s: %v", name, p)
		}
	}()
	f()
}

// after posts f after d, if m still runs by then.
func (m *Manager) after(d time.Duration, f func(*registry)) *time.Timer {
	return time.AfterFunc(d, func() { m.mail.post(f) })
}

// ask runs f in the registry's goroutine and waits for it.
func (m *Manager) ask(ctx context.Context, f func(*registry)) error {
	done := make(chan struct{})
	m.mail.post(func(r *registry) {
		defer close(done)
		f(r)
	})
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// works tells whether this process manages the logs. Before that nobody takes its mail.
func (m *Manager) works() bool { return m.begun.Load() && !m.waiting.Load() }

// errOthers is why nothing is done for those who ask a process that waits for another one to end.
var errOthers = errors.New("another cri-logshim manages these logs; ask that one, or see that it ends")

// Beat returns nil as long as the registry's goroutine does its work. It does
// not depend on any file, disk or runtime.
func (m *Manager) Beat(ctx context.Context) error {
	if !m.works() {
		return nil // its time has not come
	}
	if err := m.ask(ctx, func(*registry) {}); err != nil {
		return fmt.Errorf("the log manager's scheduler does not answer: %w", err)
	}
	return nil
}

// Trouble returns the reasons why logs are not managed as they should be; none
// in good times.
func (m *Manager) Trouble() []string {
	reasons := m.work.trouble(time.Now())
	reasons = append(reasons, m.keeper.trouble()...)
	reasons = append(reasons, m.strayed()...)
	reasons = append(reasons, m.elsewhere.failed.trouble()...)
	reasons = append(reasons, m.inability.trouble()...)
	reasons = append(reasons, m.unlistedTrouble()...)
	if m.waiting.Load() {
		reasons = append(reasons, "another cri-logshim manages the logs in "+m.PodLogsDir)
	}
	return reasons
}

// Configure puts new settings in force, for the logs that are known too.
func (m *Manager) Configure(s Settings) {
	m.mail.post(func(r *registry) { r.configure(s) })
}
