// Package nodelogstest has a stand-in for a kubelet that serves logs through an API server, and what both
// it and the real ones do.
package nodelogstest

import (
	"net/http"
	"unicode/utf8"
)

// Kubelet serves a folder as kubelet serves /var/log, as that arrives behind an API server.
func Kubelet(folder string) http.Handler {
	files := http.FileServer(http.Dir(folder))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method != http.MethodGet:
			w.Header().Set("Allow", http.MethodGet)
			http.Error(w, "405: Method Not Allowed", http.StatusMethodNotAllowed)
		case !utf8.ValidString(r.URL.Path): // what is between the two does not let it through
			http.NotFound(w, r)
		default:
			files.ServeHTTP(w, r)
		}
	})
}
