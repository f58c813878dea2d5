package pagetest

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/cri-logshim/cri-logshim/admin/api"
)

// Handler answers the questions of the admin API that the page asks, and all else with the page.
func (n *Node) Handler(page http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+api.PathNode, func(w http.ResponseWriter, r *http.Request) {
		node, err := n.Node(r.Context())
		answer(w, node, err)
	})
	mux.HandleFunc("GET "+api.PathLogs, func(w http.ResponseWriter, r *http.Request) {
		logs, err := n.Logs(r.Context())
		answer(w, logs, err)
	})
	mux.HandleFunc("GET "+api.PathEvents, func(w http.ResponseWriter, r *http.Request) {
		since, err := strconv.ParseUint(r.URL.Query().Get("since"), 10, 64)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		wait, err := strconv.Atoi(r.URL.Query().Get("wait"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		events, err := n.Events(r.Context(), since, time.Duration(wait)*time.Second)
		answer(w, events, err)
	})
	mux.Handle("/", page)
	return mux
}

func answer(w http.ResponseWriter, value any, err error) {
	var text []byte
	if err == nil {
		text, err = json.Marshal(value)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	// Whoever has asked and gone away needs no answer.
	_, _ = w.Write(text)
}
