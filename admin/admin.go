// Package admin is what is reached over HTTP: health, readiness, metrics, status and the API.
// Those who are not root get less of it, since files of logs have the names of pods.
// It serves what it is handed and knows nothing of CRI.
package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/sirupsen/logrus"
	"golang.org/x/net/netutil"
	"golang.org/x/sync/errgroup"

	"github.com/cri-logshim/cri-logshim/admin/api"
)

// Options say what is served.
type Options struct {
	About About
	// Alive are the checks of which one fails when the daemon has to be restarted.
	Alive []Check
	// Ready are the checks of which one fails when the daemon does not do all of its work.
	Ready []Check
	// Status returns what /status shows as JSON.
	Status  func() any
	Metrics prometheus.Gatherer
	// Page answers / and /page/ for operators; nil: nobody does.
	Page http.Handler
	// Facts and Events are what the API tells operators; nil: there is no API.
	Facts  Facts
	Events *Events
	// Worker does what the API is asked to do; nil: it only tells.
	Worker Worker
	// Profiles serves /debug/pprof/ to operators.
	Profiles bool
	Log      logrus.FieldLogger
}

const (
	// shutdownTimeout is how long a request under way has at the end.
	shutdownTimeout = time.Second
	// readTimeout is how long a request may take to arrive, and then for its answer to be found:
	// what a client sends is listened to until then, since that tells whether it has gone.
	readTimeout = mostWait + askTime
	// mostConnections is how many of them a listener serves at once; more wait for their turn.
	mostConnections = 256
)

// Bounded is a listener of which so many connections only are served at once that whoever opens
// more and more of them takes nothing from those who are not served here.
func Bounded(l net.Listener) net.Listener { return netutil.LimitListener(l, mostConnections) }

// Serve answers on the listeners until ctx is done. It closes them. Who is still to be answered a
// moment later is cut off, which is no error. The log is told of what goes wrong with connections.
func Serve(ctx context.Context, handler http.Handler, log logrus.FieldLogger, listeners ...net.Listener) error {
	server := &http.Server{
		Handler: handler, ErrorLog: errorLog(log),
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: readTimeout, WriteTimeout: readTimeout + askTime, IdleTimeout: time.Minute,
	}
	group, ctx := errgroup.WithContext(ctx)
	server.BaseContext = func(net.Listener) context.Context { return ctx } // so that no question for events holds up the end
	for _, l := range listeners {
		group.Go(func() error {
			if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("serve %s: %w", l.Addr(), err)
			}
			return nil
		})
	}
	group.Go(func() error {
		<-ctx.Done()
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
		defer cancel()
		err := server.Shutdown(end)
		if errors.Is(err, context.DeadlineExceeded) {
			err = server.Close()
		}
		if err != nil {
			return fmt.Errorf("shut down the admin server: %w", err)
		}
		return nil
	})
	return group.Wait()
}

// ForOperators answers /healthz, /readyz, /statusz, /metrics and /status, what the API tells, and
// has the page at /.
func ForOperators(o Options) http.Handler {
	mux := forAll(o, frank)
	mux.HandleFunc("GET /statusz", statusz(o.About, mux))
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		text, err := json.MarshalIndent(o.Status(), "", "  ")
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		// Whoever has asked and gone away needs no answer.
		_, _ = w.Write(append(text, '\n'))
	})
	if o.Facts != nil && o.Events != nil {
		read{o.Facts, o.Events}.register(mux)
		mux.HandleFunc("GET /openapi.yaml", func(w http.ResponseWriter, _ *http.Request) {
			send(w, "application/yaml", http.StatusOK, []byte(api.OpenAPI()))
		})
	}
	if o.Worker != nil {
		change{o.Worker}.register(mux)
	}
	if o.Profiles {
		profiles(mux)
	}
	if o.Page != nil {
		mux.Handle("GET /{$}", o.Page)
		mux.Handle("GET /page/", o.Page)
	}
	return onThisMachine(withProblems(mux))
}

// ForMonitoring answers /healthz, /readyz and /metrics, for whoever can reach the
// address: which checks fail and how many reasons there are, and not which, since
// they name files.
func ForMonitoring(o Options) http.Handler { return forAll(o, discreet) }

// forAll answers what everybody may ask, and why checks fail as that is told.
func forAll(o Options, told discretion) *routes {
	mux := &routes{ServeMux: http.NewServeMux()}
	mux.HandleFunc("GET /healthz", checks("healthz", o.Alive, told))
	mux.HandleFunc("GET /readyz", checks("readyz", o.Ready, told))
	mux.Handle("GET /metrics", promhttp.HandlerFor(o.Metrics, promhttp.HandlerOpts{ErrorLog: o.Log}))
	return mux
}
