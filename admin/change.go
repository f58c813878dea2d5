package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/cri-logshim/cri-logshim/admin/api"
)

const (
	mostBody = 64 << 10 // bytes of a request
	mostID   = 256      // bytes of a container's id
	workTime = 45 * time.Second
)

// Worker does for operators what the API can be asked to do.
type Worker interface {
	// Rotate and Prune return a Refusal where the one who has asked can do something about it.
	Rotate(ctx context.Context, id string) (api.RotateResult, error)
	Prune(ctx context.Context, request api.PruneRequest) (api.PruneResult, error)
}

// Refusal is an error with the status that HTTP has for it.
type Refusal struct {
	Status int
	Err    error
}

func (r Refusal) Error() string { return r.Err.Error() }

// Unwrap is why it was refused.
func (r Refusal) Unwrap() error { return r.Err }

// change answers the questions of the API that change something.
type change struct{ worker Worker }

func (c change) register(mux *routes) {
	mux.HandleFunc("POST "+api.PathRotate, changing(func(ctx context.Context, request api.RotateRequest) (api.RotateResult, error) {
		if request.ID == "" || len(request.ID) > mostID {
			return api.RotateResult{}, Refusal{http.StatusBadRequest, fmt.Errorf("id: must be the id of a container, of at most %d bytes", mostID)}
		}
		return c.worker.Rotate(ctx, request.ID)
	}))
	mux.HandleFunc("POST "+api.PathPrune, changing(c.worker.Prune))
}

// changing reads a request, has it carried out and answers.
func changing[Request, Result any](do func(context.Context, Request) (Result, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var request Request
		if err := take(r, &request); err != nil {
			refuse(w, err)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), workTime)
		defer cancel()
		result, err := do(ctx, request)
		if err != nil {
			refuse(w, err)
			return
		}
		tell(w, result, nil)
	}
}

// refuse says why nothing was done, or that it is not known.
func refuse(w http.ResponseWriter, err error) {
	code := http.StatusServiceUnavailable
	refusal, is := errors.AsType[Refusal](err)
	switch {
	case is:
		code = refusal.Status
	case errors.Is(err, context.DeadlineExceeded):
		code = http.StatusGatewayTimeout
	}
	problem(w, code, err)
}

// take reads the one JSON object of a request. Nothing is done for a web page, which reaches the
// socket where ssh forwards a port to it: browsers say where a request comes from, and do not send
// JSON elsewhere without asking first.
func take(r *http.Request, into any) error {
	if r.Header.Get("Origin") != "" || r.Header.Get("Sec-Fetch-Site") != "" {
		return Refusal{http.StatusForbidden, errors.New("a web page may not ask for this; the commands rotate and prune may")}
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return Refusal{http.StatusUnsupportedMediaType, errors.New("the body must be JSON, with Content-Type: application/json")}
	}
	text, err := io.ReadAll(io.LimitReader(r.Body, mostBody+1))
	if err != nil {
		return Refusal{http.StatusBadRequest, fmt.Errorf("read the body: %w", err)}
	}
	if len(text) > mostBody {
		return Refusal{http.StatusRequestEntityTooLarge, fmt.Errorf("the body may have %d bytes at most", mostBody)}
	}
	return decode(text, into)
}
