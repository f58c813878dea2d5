package admin

import (
	"net/http"
	"slices"
	"strings"
)

// routes is a ServeMux that knows what it serves.
type routes struct {
	*http.ServeMux
	paths []string
}

// HandleFunc registers what answers a pattern of a method and a path.
func (r *routes) HandleFunc(pattern string, handler func(http.ResponseWriter, *http.Request)) {
	r.Handle(pattern, http.HandlerFunc(handler))
}

// Handle registers what answers a pattern of a method and a path.
func (r *routes) Handle(pattern string, handler http.Handler) {
	r.ServeMux.Handle(pattern, handler)
	_, path, _ := strings.Cut(pattern, " ")
	path = strings.TrimSuffix(path, "{$}")
	if at, known := slices.BinarySearch(r.paths, path); !known {
		r.paths = slices.Insert(r.paths, at, path)
	}
}
