package api_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/cri-logshim/cri-logshim/admin/api"
)

// schema is what this test reads of a JSON schema.
type schema struct {
	Ref        string            `yaml:"$ref"`
	Type       any               `yaml:"type"`
	Format     string            `yaml:"format"`
	Items      *schema           `yaml:"items"`
	Required   []string          `yaml:"required"`
	Properties map[string]schema `yaml:"properties"`
}

type document struct {
	OpenAPI    string                    `yaml:"openapi"`
	Paths      map[string]map[string]any `yaml:"paths"`
	Components struct {
		Schemas map[string]schema `yaml:"schemas"`
	} `yaml:"components"`
}

func read(t *testing.T) document {
	t.Helper()
	var d document
	if err := yaml.Unmarshal([]byte(api.OpenAPI()), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// The description has every path with its method, and no other.
func TestOpenAPIPaths(t *testing.T) {
	d := read(t)
	want := map[string]string{api.PathNode: "get", api.PathLogs: "get", api.PathEvents: "get", api.PathRotate: "post", api.PathPrune: "post"}
	for path, methods := range d.Paths {
		if _, is := methods[want[path]]; !is || len(methods) != 1 {
			t.Errorf("%s is described with %v, want %q", path, methods, want[path])
		}
	}
	if len(d.Paths) != len(want) || !strings.HasPrefix(d.OpenAPI, "3.1.") {
		t.Errorf("OpenAPI %s describes %d paths, want 3.1 and %d", d.OpenAPI, len(d.Paths), len(want))
	}
}

// The description and the Go types have the same fields of the same types, of which the same may
// be null or missing. A field that only one of them has would be told wrong.
func TestOpenAPISchemas(t *testing.T) {
	d := read(t)
	seen := map[string]bool{}
	for _, of := range []any{
		api.Node{}, api.LogList{}, api.EventList{}, api.RotateRequest{}, api.RotateResult{}, api.PruneRequest{}, api.PruneResult{}, api.Problem{},
	} {
		compare(t, d, reflect.TypeOf(of), seen)
	}
	for name := range d.Components.Schemas {
		if !seen[name] {
			t.Errorf("%s is described and there is no such type", name)
		}
	}
}

func compare(t *testing.T, d document, of reflect.Type, seen map[string]bool) {
	t.Helper()
	if seen[of.Name()] {
		return
	}
	seen[of.Name()] = true
	described, is := d.Components.Schemas[of.Name()]
	if !is {
		t.Errorf("%s is not described", of.Name())
		return
	}
	if len(described.Properties) != of.NumField() {
		t.Errorf("%s is described with %d fields, and has %d", of.Name(), len(described.Properties), of.NumField())
	}
	request := strings.HasSuffix(of.Name(), "Request")
	for field := range of.Fields() {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		property, is := described.Properties[name]
		if !is {
			t.Errorf("%s.%s is not described", of.Name(), name)
			continue
		}
		if there := slices.Contains(described.Required, name); !request && there != (options != "omitempty") {
			t.Errorf("%s.%s is described as required: %v", of.Name(), name, there)
		}
		kind, below := describe(field.Type)
		if got := property.kind(); got != kind {
			t.Errorf("%s.%s is described as %s, and is %s", of.Name(), name, got, kind)
		}
		if below != nil {
			compare(t, d, below, seen)
		}
	}
}

// kind is what a schema says in one word.
func (s schema) kind() string {
	switch kinds, several := s.Type.([]any); {
	case s.Ref != "":
		return strings.TrimPrefix(s.Ref, "#/components/schemas/")
	case s.Items != nil:
		return "array of " + s.Items.kind()
	case several && len(kinds) == 2 && kinds[1] == "null":
		return kinds[0].(string) + s.Format + " or null"
	}
	text, _ := s.Type.(string)
	return text + s.Format
}

// describe is what kind says of a Go type, and the struct below it.
func describe(of reflect.Type) (kind string, below reflect.Type) {
	if of == reflect.TypeFor[time.Time]() {
		return "stringdate-time", nil
	}
	switch of.Kind() {
	case reflect.Pointer:
		kind, below = describe(of.Elem())
		return kind + " or null", below
	case reflect.Slice:
		kind, below = describe(of.Elem())
		return "array of " + kind, below
	case reflect.Struct:
		return of.Name(), of
	case reflect.String:
		return "string", nil
	case reflect.Bool:
		return "boolean", nil
	case reflect.Float64:
		return "number", nil
	default:
		return "integer", nil
	}
}
