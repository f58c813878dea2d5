package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
)

// decode reads one JSON object that has the fields of a request, by their very names, and no null:
// who misspells dryRun, or has nothing to put there, must not have files removed.
func decode(text []byte, into any) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		return Refusal{http.StatusBadRequest, noObject(err)}
	}
	if fields == nil { // null
		return Refusal{http.StatusBadRequest, errNoObject}
	}
	known := fieldsOf(into)
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		kind, is := known[name]
		switch {
		case !is:
			return Refusal{http.StatusBadRequest, fmt.Errorf("%s: unknown field; known: %s", name, strings.Join(slices.Sorted(maps.Keys(known)), ", "))}
		case string(fields[name]) == "null":
			return Refusal{http.StatusBadRequest, fmt.Errorf("%s: must be %s, and not null", name, kindOf(kind))}
		}
	}
	err := json.Unmarshal(text, into)
	if wrong, is := errors.AsType[*json.UnmarshalTypeError](err); is {
		err = fmt.Errorf("%s: must be %s, and no %s", wrong.Field, kindOf(wrong.Type), wrong.Value)
	}
	if err != nil {
		return Refusal{http.StatusBadRequest, err}
	}
	return nil
}

var errNoObject = errors.New("the body must be one JSON object")

// noObject says why a body is none.
func noObject(err error) error {
	if broken, is := errors.AsType[*json.SyntaxError](err); is {
		return fmt.Errorf("%w, and is none at byte %d", errNoObject, broken.Offset)
	}
	return errNoObject
}

// kindOf is what JSON calls values of a type, of those that requests have.
func kindOf(of reflect.Type) string {
	if of.Kind() == reflect.Bool {
		return "true or false"
	}
	return "a " + of.Kind().String()
}

// fieldsOf are the fields of a request, by the names that they have in JSON.
func fieldsOf(request any) map[string]reflect.Type {
	known := map[string]reflect.Type{}
	for field := range reflect.TypeOf(request).Elem().Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		known[name] = field.Type
	}
	return known
}
