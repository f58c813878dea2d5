package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
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
		return Refusal{http.StatusBadRequest, inWords(err, into)}
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Refusal{http.StatusBadRequest, errors.New("the body must be one JSON object")}
	}
	return nil
}

// inWords says what is wrong with a JSON object as whoever writes one would, and not in Go's words.
func inWords(err error, into any) error {
	if wrong, is := errors.AsType[*json.UnmarshalTypeError](err); is {
		return fmt.Errorf("%s: must be %s, and no %s", wrong.Field, kindOf(wrong.Type), wrong.Value)
	}
	if broken, is := errors.AsType[*json.SyntaxError](err); is || errors.Is(err, io.ErrUnexpectedEOF) {
		at := "at its end"
		if is && !errors.Is(err, io.ErrUnexpectedEOF) {
			at = fmt.Sprintf("at byte %d", broken.Offset)
		}
		return fmt.Errorf("the body is no JSON %s", at)
	}
	// Of a field that is not known there is no error that names it but in words.
	if _, field, is := strings.Cut(err.Error(), "unknown field "); is {
		return fmt.Errorf("%s: unknown field; known: %s", strings.Trim(field, `"`), strings.Join(fieldsOf(into), ", "))
	}
	return fmt.Errorf("read the body: %w", err)
}

// kindOf is what JSON calls values of a type, of those that requests have.
func kindOf(of reflect.Type) string {
	switch of.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a string"
	default:
		return "a number"
	}
}

// fieldsOf are the names that the fields of a request have in JSON.
func fieldsOf(request any) []string {
	var names []string
	for field := range reflect.TypeOf(request).Elem().Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}
