package statuspage

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"github.com/cri-logshim/cri-logshim/admin"
	"github.com/cri-logshim/cri-logshim/admin/api"
	"github.com/cri-logshim/cri-logshim/admin/page/pagetest"
)

// worker counts what it was asked to do.
type worker struct{ asked atomic.Int32 }

func (w *worker) Rotate(context.Context, string) (api.RotateResult, error) {
	w.asked.Add(1)
	return api.RotateResult{Rotated: true}, nil
}

func (w *worker) Prune(context.Context, api.PruneRequest) (api.PruneResult, error) {
	w.asked.Add(1)
	return api.PruneResult{Files: []api.PrunedFile{}}, nil
}

// Another page in the operator's browser, even one of the same machine, can neither read what the
// forwarded socket answers nor have a log rotated or removed, however it asks; nor can it show the status
// page within itself.
func TestForeignPageGetsNothing(t *testing.T) {
	log := logrus.New()
	log.SetOutput(io.Discard)
	done := &worker{}
	ours := httptest.NewServer(admin.ForOperators(admin.Options{
		Status:  func() any { return nil },
		Metrics: prometheus.NewRegistry(), Log: log,
		Facts: pagetest.Sample(), Events: admin.NewEvents(), Worker: done, Page: serve(t, pagetest.Sample()).page,
	}))
	t.Cleanup(ours.Close)
	foreign := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, `<!DOCTYPE html><title>foreign</title><link rel="icon" href="data:,"><p>foreign</p>`)
	}))
	t.Cleanup(foreign.Close)

	b := newBrowser(t, desk())
	b.ask(foreign.URL)
	target := "'" + ours.URL
	for name, attempt := range map[string]string{
		"read":        `fetch(` + target + `/v1/logs').then((r) => r.text())`,
		"rotate":      `fetch(` + target + `/v1/rotate', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"id":"a"}' }).then((r) => r.text())`,
		"rotate, raw": `fetch(` + target + `/v1/rotate', { method: 'POST', mode: 'no-cors', body: '{"id":"a"}' }).then((r) => r.text())`,
		"prune, form": `fetch(` + target + `/v1/prune', { method: 'POST', mode: 'no-cors', headers: { 'Content-Type': 'text/plain' }, body: '{"kept":true}' }).then((r) => r.text())`,
		"beacon": `(navigator.sendBeacon(` + target + `/v1/prune', new Blob(['{"kept":true}'], { type: 'text/plain' })),
			fetch(` + target + `/healthz', { mode: 'no-cors' }).then((r) => r.text()))`, // which comes after it
		"frame": `new Promise((resolve) => {
			const frame = document.createElement('iframe');
			frame.onload = () => { try { resolve(frame.contentDocument?.body.innerText ?? ''); } catch { resolve(''); } };
			frame.src = ` + target + `/';
			document.body.append(frame);
		})`,
	} {
		if got := eval[string](b, attempt+`.catch(() => '')`); got != "" {
			t.Errorf("%s: it gets %q", name, got)
		}
	}
	for _, refused := range []string{"CORS policy", "net::ERR_FAILED", "net::ERR_BLOCKED", "frame-ancestors", "Refused to frame", "status of 4", "403", "415"} {
		b.forgive(refused)
	}

	// The page itself may read, which the other could not, and no more.
	b.open(ours.URL)
	if text := eval[string](b, `fetch('v1/logs').then((r) => r.text())`); !strings.Contains(text, "render-frames") {
		t.Errorf("the page itself gets %q", text)
	}
	if text := eval[string](b, `fetch('v1/rotate', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"id":"a"}' }).then((r) => r.text())`); !strings.Contains(text, "Forbidden") {
		t.Errorf("the page itself may rotate: %q", text)
	}
	if n := done.asked.Load(); n > 0 {
		t.Errorf("the daemon was made to do %d things", n)
	}
}
