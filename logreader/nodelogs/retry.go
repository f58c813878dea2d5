package nodelogs

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/cri-logshim/cri-logshim/logreader"
)

// attempts is how often one question is asked: with the pauses between, which double from firstPause
// on, for half a minute, as long as an API server takes to be replaced.
const (
	attempts   = 7
	firstPause = 500 * time.Millisecond
)

// ask sends a question. Once there was an answer, that there is none is taken for a state that passes,
// so that following for days outlives the restart of an API server or kubelet; the first question tells
// at once that nobody answers.
func (s *Server) ask(question *http.Request) (*http.Response, error) {
	wait := firstPause
	for n := 1; ; n++ {
		answer, err := s.client.Do(question)
		if !isPassing(answer, err) {
			s.answered.Store(true)
			return answer, err
		}
		if n == attempts || !s.answered.Load() || question.Context().Err() != nil {
			return answer, err
		}
		if err := drain(answer); err != nil {
			return nil, err
		}
		if err := logreader.Pause(question.Context(), wait); err != nil {
			return nil, err
		}
		wait *= 2
	}
}

// isPassing tells whether nobody has answered, or nobody but a server between.
func isPassing(answer *http.Response, err error) bool {
	if err != nil {
		return true
	}
	switch answer.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// drain gives an answer up that is not read.
func drain(answer *http.Response) error {
	if answer == nil {
		return nil
	}
	_, err := io.CopyN(io.Discard, answer.Body, maxRefusal)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return errors.Join(err, answer.Body.Close())
}

// passes tells whether the rest of an answer that has broken off is worth asking for.
func passes(ctx context.Context, err error) bool {
	return ctx.Err() == nil && err != nil && !errors.Is(err, io.EOF)
}
