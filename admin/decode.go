package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// decode reads one JSON object without fields that are not known: who misspells dryRun must not
// have files removed.
func decode(text []byte, into any) error {
	trimmed := bytes.TrimSpace(text)
	if len(trimmed) == 0 || trimmed[0] != '{' {
		return Refusal{http.StatusBadRequest, errors.New("the body must be a JSON object")}
	}
	decoder := json.NewDecoder(bytes.NewReader(trimmed))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return Refusal{http.StatusBadRequest, fmt.Errorf("read the body: %w", err)}
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Refusal{http.StatusBadRequest, errors.New("the body must be one JSON object")}
	}
	return nil
}
