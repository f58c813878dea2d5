// Package page is the status page of a node: who writes how much, what it takes on disk, what
// the daemon has to say. A browser gets the whole page at once, as text that needs no script;
// with its script the page then follows the node through the admin API.
//
// The page only reads. It asks nobody but the daemon that served it, and whatever a name or a
// message holds is text on it. The package knows nothing of who may reach it.
package page

import (
	"bytes"
	"context"
	"fmt"
	"html/template"
	"net/http"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/cri-logshim/cri-logshim/admin/api"
)

// Source is what the page shows, as the admin API tells it.
type Source interface {
	Node(ctx context.Context) (api.Node, error)
	Logs(ctx context.Context) (api.LogList, error)
}

// Options say what the page shows, and how often.
type Options struct {
	Source Source
	// Interval is how long the page waits between two questions; 0: two seconds.
	Interval time.Duration
	Log      logrus.FieldLogger
}

const (
	defaultInterval = 2 * time.Second
	// patience is how long the source may take before the page comes without its facts, and says so.
	patience = 10 * time.Second
)

// page is what New returns.
type page struct {
	source   Source
	interval time.Duration
	log      logrus.FieldLogger
	html     *template.Template
}

// New returns what answers / with the page, and /page/ with its style and script.
func New(o Options) (http.Handler, error) {
	assets, err := newAssets()
	if err != nil {
		return nil, err
	}
	html, err := template.New("page.html").Funcs(formats()).Funcs(words()).ParseFS(files, "page.html")
	if err != nil {
		return nil, fmt.Errorf("parse the status page: %w", err)
	}
	p := &page{source: o.Source, interval: o.Interval, log: o.Log, html: html}
	if p.interval == 0 {
		p.interval = defaultInterval
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", p.serve)
	mux.Handle("GET /page/{file}", assets)
	return guarded(mux), nil
}

// serve answers with the page as it is without a script, which is also what is seen first
// with one. A source that fails is said on the page: its script asks again.
func (p *page) serve(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	var text bytes.Buffer
	if err := p.html.Execute(&text, p.look(ctx)); err != nil {
		p.log.WithError(err).Error("cannot write the status page")
		http.Error(w, "cannot write the status page: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	// Whoever has asked and gone away needs no answer.
	_, _ = w.Write(text.Bytes())
}
