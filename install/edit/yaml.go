package edit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"

	"go.yaml.in/yaml/v3"
)

// ErrForm says that a text is right, but written in a way that is not edited here, such as a
// value over several lines. Somebody has to do it by hand.
var ErrForm = errors.New("is written in a form that cannot be edited")

// Lookup returns the value of a top-level key. A key without a value is found with an empty
// one. The error says what is wrong with the text.
func Lookup(text []byte, key string) (value string, found bool, err error) {
	root, err := parse(text)
	if err != nil || root == nil {
		return "", false, err
	}
	_, at := pair(root, key)
	switch {
	case at == nil:
		return "", false, nil
	case at.Kind != yaml.ScalarNode:
		return "", true, fmt.Errorf("line %d: %s must be a single value", at.Line, key)
	case at.Tag == "!!null":
		return "", true, nil
	}
	return at.Value, true, nil
}

// Set gives a top-level key a value, which is a string: in its place where the key is there,
// else on a line of its own at the end, or first between the braces of JSON. Errors that are
// ErrForm are about how the text is written, all others about what is wrong with it.
func Set(text []byte, key, value string) ([]byte, error) {
	root, err := parse(text)
	if err != nil {
		return nil, err
	}
	var edited []byte
	switch at, old := pair(root, key); {
	case root == nil:
		edited = appendLine(text, key+": "+plain(value))
	case at == nil:
		edited, err = insert(text, root, key, value)
	default:
		edited, err = replace(text, root, at, old, value)
	}
	if err != nil {
		return nil, err
	}
	return edited, confirm(text, edited, key, &value)
}

// Remove takes a top-level key away, and is content if there is none. Errors are as those of
// Set.
func Remove(text []byte, key string) ([]byte, error) {
	root, err := parse(text)
	if err != nil {
		return nil, err
	}
	at, value := pair(root, key)
	if at == nil {
		return text, nil
	}
	edited, err := cut(text, root, at, value)
	if err != nil {
		return nil, err
	}
	return edited, confirm(text, edited, key, nil)
}

// parse returns the mapping that a text is; nil: it holds nothing.
func parse(text []byte) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document, second yaml.Node
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return nil, nil //nolint:nilnil // Nothing is neither an error nor a mapping.
	} else if err != nil {
		return nil, err
	}
	if err := decoder.Decode(&second); err == nil {
		return nil, fmt.Errorf("line %d: a second document begins; must be one", second.Line)
	} else if !errors.Is(err, io.EOF) {
		return nil, err
	}
	root := document.Content[0]
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		return nil, nil //nolint:nilnil // As above.
	}
	if root.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("line %d: must be keys with values", root.Line)
	}
	// What a mapping may not be, such as one with a key twice, shows in decoding only.
	if _, err := values(text); err != nil {
		return nil, err
	}
	return root, nil
}

// pair returns the nodes of a key and of its value; nil: there is none.
func pair(root *yaml.Node, key string) (at, value *yaml.Node) {
	if root == nil {
		return nil, nil
	}
	for i := 0; i+1 < len(root.Content); i += 2 {
		if root.Content[i].Value == key {
			return root.Content[i], root.Content[i+1]
		}
	}
	return nil, nil
}

func values(text []byte) (map[string]any, error) {
	found := map[string]any{}
	if err := yaml.Unmarshal(text, &found); err != nil {
		return nil, err
	}
	return found, nil
}

// confirm looks whether an edited text says what it is to say, and all else as before.
func confirm(text, edited []byte, key string, value *string) error {
	before, err := values(text)
	if err != nil {
		return err
	}
	want := maps.Clone(before)
	if want == nil {
		want = map[string]any{}
	}
	delete(want, key)
	if value != nil {
		want[key] = *value
	}
	if got, err := values(edited); err != nil || !reflect.DeepEqual(want, got) {
		return fmt.Errorf("%s %w", key, ErrForm)
	}
	return nil
}
