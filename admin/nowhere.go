package admin

import (
	"fmt"
	"net/http"
	"strings"
)

// withProblems has whoever asks below /v1/ for what there is not, or by a method that is not taken,
// be answered in the form of the API. The mux would do so in words of its own.
func withProblems(mux *routes) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern != "" || !strings.HasPrefix(r.URL.Path, "/v1/") {
			mux.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(&nowhere{ResponseWriter: w, request: r}, r)
	})
}

// nowhere puts what a mux says where it has no handler into the form of the API.
type nowhere struct {
	http.ResponseWriter
	request *http.Request
	said    bool // a problem, in place of what the mux says
}

// WriteHeader implements http.ResponseWriter.
func (n *nowhere) WriteHeader(code int) {
	switch code {
	case http.StatusNotFound:
		n.say(code, fmt.Errorf("there is no %s; /openapi.yaml tells what there is", n.request.URL.Path))
	case http.StatusMethodNotAllowed:
		n.say(code, fmt.Errorf("%s takes %s, and not %s", n.request.URL.Path, n.Header().Get("Allow"), n.request.Method))
	default: // to a path without // or .. for example
		n.ResponseWriter.WriteHeader(code)
	}
}

func (n *nowhere) say(code int, err error) {
	n.said = true
	problem(n.ResponseWriter, code, err)
}

// Write implements http.ResponseWriter.
func (n *nowhere) Write(text []byte) (int, error) {
	if n.said {
		return len(text), nil
	}
	return n.ResponseWriter.Write(text)
}
