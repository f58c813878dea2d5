// Package apitest holds what is asked and answered over the admin API to its description, for the
// tests of whoever asks and answers.
package apitest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/cri-logshim/cri-logshim/admin/api"
)

// name is what the description is called among schemas; it leads nowhere.
const name = "description:openapi.yaml"

// Description is openapi.yaml as it can be held against JSON.
type Description struct {
	paths    map[string]map[string]operation
	compiler *jsonschema.Compiler
}

// operation is what is read here of a method of a path.
type operation struct {
	Parameters  []struct{ Name string } `json:"parameters"`
	RequestBody *struct {
		Content map[string]any `json:"content"`
	} `json:"requestBody"`
	Responses map[string]struct {
		Content map[string]any `json:"content"`
	} `json:"responses"`
}

// Read returns the description. Clients have to bear fields that are not described, since these come with
// time; here there must be none.
func Read() (*Description, error) {
	var whole map[string]any
	if err := yaml.Unmarshal([]byte(api.OpenAPI()), &whole); err != nil {
		return nil, fmt.Errorf("read the description: %w", err)
	}
	schemas, is := whole["components"].(map[string]any)["schemas"].(map[string]any)
	if !is {
		return nil, fmt.Errorf("the description has no schemas")
	}
	for _, schema := range schemas {
		schema.(map[string]any)["additionalProperties"] = false
	}
	text, err := json.Marshal(whole)
	if err != nil {
		return nil, fmt.Errorf("write the description as JSON: %w", err)
	}
	var read struct {
		Paths map[string]map[string]operation
	}
	if err := json.Unmarshal(text, &read); err != nil {
		return nil, fmt.Errorf("read the paths of the description: %w", err)
	}
	d := &Description{read.Paths, jsonschema.NewCompiler()}
	d.compiler.DefaultDraft(jsonschema.Draft2020) // which is OpenAPI 3.1's
	d.compiler.AssertFormat()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("read the description as JSON: %w", err)
	}
	if err := d.compiler.AddResource(name, document); err != nil {
		return nil, fmt.Errorf("take the description for a schema: %w", err)
	}
	return d, nil
}

// Question is nil if the description knows of a question with this body.
func (d *Description) Question(r *http.Request, body []byte) error {
	asked, err := d.operation(r.Method, r.URL.Path)
	if err != nil {
		return err
	}
	for parameter := range r.URL.Query() {
		known := false
		for _, p := range asked.Parameters {
			known = known || p.Name == parameter
		}
		if !known {
			return fmt.Errorf("%s %s: there is no parameter %q", r.Method, r.URL.Path, parameter)
		}
	}
	if asked.RequestBody == nil {
		if len(body) > 0 {
			return fmt.Errorf("%s %s: takes no body, and has %q", r.Method, r.URL.Path, body)
		}
		return nil
	}
	return d.body(r.Header, body, asked.RequestBody.Content, "paths", r.URL.Path, strings.ToLower(r.Method), "requestBody")
}

// Answer is nil if the description has this answer to a method of a path.
func (d *Description) Answer(method, path string, code int, header http.Header, body []byte) error {
	asked, err := d.operation(method, path)
	if err != nil {
		return err
	}
	response := strconv.Itoa(code)
	if _, described := asked.Responses[response]; !described {
		if code < http.StatusBadRequest {
			return fmt.Errorf("%s %s: an answer of %d is not described", method, path, code)
		}
		response = "default"
	}
	return d.body(header, body, asked.Responses[response].Content, "paths", path, strings.ToLower(method), "responses", response)
}

func (d *Description) operation(method, path string) (operation, error) {
	asked, described := d.paths[path][strings.ToLower(method)]
	if !described {
		return operation{}, fmt.Errorf("%s %s is not described", method, path)
	}
	return asked, nil
}

// body holds a body against the schema that is described for its type at a place.
func (d *Description) body(header http.Header, body []byte, described map[string]any, place ...string) error {
	kind, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		return fmt.Errorf("%v: read the type of the body: %w", place, err)
	}
	if _, is := described[kind]; !is {
		return fmt.Errorf("%v: a body of type %s is not described", place, kind)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%v: read the body %q: %w", place, body, err)
	}
	steps := append(slices.Clone(place), "content", kind, "schema")
	for i, step := range steps {
		steps[i] = strings.NewReplacer("~", "~0", "/", "~1").Replace(step)
	}
	schema, err := d.compiler.Compile(name + "#/" + strings.Join(steps, "/"))
	if err != nil {
		return fmt.Errorf("%v: read the schema: %w", place, err)
	}
	if err := schema.Validate(value); err != nil {
		return fmt.Errorf("%v: %q: %w", place, body, err)
	}
	return nil
}
