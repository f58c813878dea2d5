package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/cri-logshim/cri-logshim/admin/api"
)

// Facts is what the daemon knows of itself and of the logs.
type Facts interface {
	Node(ctx context.Context) (api.Node, error)
	Logs(ctx context.Context) (api.LogList, error)
}

const (
	askTime  = 10 * time.Second // for the facts to be told
	mostWait = 60 * time.Second // that a question for events is kept
)

// read answers the questions of the API that change nothing.
type read struct {
	facts  Facts
	events *Events
}

func (a read) register(mux *routes) {
	mux.HandleFunc("GET "+api.PathNode, telling(a.facts.Node))
	mux.HandleFunc("GET "+api.PathLogs, telling(a.facts.Logs))
	mux.HandleFunc("GET "+api.PathEvents, a.tellEvents)
}

// telling asks for facts and answers with them.
func telling[Result any](ask func(context.Context) (Result, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), askTime)
		defer cancel()
		result, err := ask(ctx)
		tell(w, result, err)
	}
}

// tellEvents answers at once where there is something new, else when there is, or after the time
// that is asked for.
func (a read) tellEvents(w http.ResponseWriter, r *http.Request) {
	since, wait, err := eventQuestion(r)
	if err != nil {
		problem(w, http.StatusBadRequest, err)
		return
	}
	if wait == 0 {
		list, _ := a.events.after(since)
		tell(w, list, nil)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), wait)
	defer cancel()
	tell(w, a.events.After(ctx, since), nil)
}

// eventQuestion is what a question for events asks for; 0 where it says nothing.
func eventQuestion(r *http.Request) (since uint64, wait time.Duration, err error) {
	query := r.URL.Query()
	if text := query.Get("since"); text != "" {
		if since, err = strconv.ParseUint(text, 10, 64); err != nil {
			return 0, 0, fmt.Errorf("since: %q is no sequence number: use what the answer before had as next", text)
		}
	}
	if text := query.Get("wait"); text != "" {
		seconds, err := strconv.ParseUint(text, 10, 31)
		if err != nil {
			return 0, 0, fmt.Errorf("wait: %q is no number of seconds", text)
		}
		wait = min(time.Duration(seconds)*time.Second, mostWait)
	}
	return since, wait, nil
}

// tell answers with a value as JSON, or says why there is none.
func tell(w http.ResponseWriter, value any, err error) {
	var text []byte
	if err == nil {
		text, err = json.Marshal(value)
	}
	if err != nil {
		problem(w, http.StatusServiceUnavailable, err)
		return
	}
	send(w, "application/json", http.StatusOK, text)
}

// problem answers with what is wrong, as RFC 9457 has it.
func problem(w http.ResponseWriter, code int, err error) {
	text, failed := json.Marshal(api.Problem{Status: code, Title: http.StatusText(code), Detail: err.Error()})
	if failed != nil { // cannot be: it is two texts and a number
		text = []byte("{}")
	}
	send(w, "application/problem+json", code, text)
}

func send(w http.ResponseWriter, kind string, code int, text []byte) {
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(code)
	// Whoever has asked and gone away needs no answer.
	_, _ = w.Write(append(text, '\n'))
}
