package config

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// YAML returns the effective configuration as a file that Parse accepts, with
// every default filled in and without the settings that this version does not
// have.
func (c Configuration) YAML() ([]byte, error) {
	var root yaml.Node
	if err := root.Encode(c); err != nil {
		return nil, fmt.Errorf("encode the configuration: %w", err)
	}
	for _, s := range unavailable() {
		if !s.partly {
			remove(&root, strings.Split(s.path, "."))
		}
	}
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := errors.Join(encoder.Encode(&root), encoder.Close()); err != nil {
		return nil, fmt.Errorf("encode the configuration: %w", err)
	}
	return out.Bytes(), nil
}

// remove takes the setting at path out of a mapping, and the sections that it
// leaves empty.
func remove(mapping *yaml.Node, path []string) {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value != path[0] {
			continue
		}
		value := mapping.Content[i+1]
		if len(path) > 1 {
			remove(value, path[1:])
			if len(value.Content) > 0 {
				return
			}
		}
		mapping.Content = append(mapping.Content[:i], mapping.Content[i+2:]...)
		return
	}
}
