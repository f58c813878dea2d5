package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// YAML says the same as JSON does, by the same names and in the same order, also to those who
// know YAML 1.1.
func TestPrintYAML(t *testing.T) {
	type part struct {
		Name  string    `json:"name"`
		Since time.Time `json:"since"`
		Bytes *int64    `json:"bytes"`
	}
	var out strings.Builder
	if err := printYAML(&out, struct {
		Zulu  string            `json:"zulu"`
		Alpha []part            `json:"alpha"`
		None  []string          `json:"none"`
		Tags  map[string]string `json:"tags,omitempty"`
		Share float64           `json:"share"`
	}{
		Zulu: "on", Alpha: []part{{Name: "two\nlines <&>", Since: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}, {Name: "0x10"}}, None: []string{}, Share: 0.5,
		Tags: map[string]string{"y": "", "~": "a: b # c"},
	}); err != nil {
		t.Fatal(err)
	}
	want := `zulu: "on"
alpha:
  - name: |-
      two
      lines <&>
    since: "2026-01-02T03:04:05Z"
    bytes: null
  - name: "0x10"
    since: "0001-01-01T00:00:00Z"
    bytes: null
none: []
tags:
  "y": ""
  "~": 'a: b # c'
share: 0.5
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if err := yaml.Unmarshal([]byte(out.String()), &struct{}{}); err != nil {
		t.Errorf("is no YAML: %v", err)
	}
}
