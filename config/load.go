package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Lines says on which line of a file a setting stands, counted from 1, by its
// path, such as rotation.maxSize or policies[0]. What is not in the file is not
// in it.
type Lines map[string]int

// Check finds what is wrong with a configuration that the file alone cannot tell.
type Check func(Configuration) []Fault

// Parse reads and checks the text of a file; name stands for it in messages, and
// lines are where its settings stand. Whatever the text leaves out has its default,
// so that an empty one yields Default. The error joins one Fault for each thing that
// is wrong, those of the checks among them.
func Parse(name string, data []byte, checks ...Check) (Configuration, Lines, error) {
	c := Default()
	d := decoder{lines: Lines{}, texts: map[string]string{}}
	if root, err := parseDocument(data); err != nil {
		d.faults = append(d.faults, syntaxFault(err))
	} else if root != nil {
		d.document(root, &c, checks)
	}
	for i := range d.faults {
		d.faults[i].File = name
	}
	if err := d.faults.join(); err != nil {
		return Configuration{}, nil, err
	}
	return c, d.lines, nil
}

// document fills c from the content of the one document of a file and checks
// the result as a whole.
func (d *decoder) document(root *yaml.Node, c *Configuration, checks []Check) {
	// What a file does not say about itself is not assumed: a later version of
	// the format may read the same keys differently.
	c.APIVersion, c.Kind = "", ""
	d.decode("", root, reflect.ValueOf(c).Elem())
	unread := map[string]bool{}
	for _, f := range d.faults {
		unread[f.Path] = true
	}
	found := c.faults()
	for i := range c.Policies {
		// An empty one is an exception from later rules; without one something was forgotten.
		if at := fmt.Sprintf("policies[%d]", i); d.lines[at+".rotation"] == 0 && d.lines[at+".annotations"] == 0 && !unread[at] {
			found.add(at+".rotation", "must say what holds; {} leaves all to the node's rotation")
		}
	}
	for _, check := range checks {
		found = append(found, check(*c)...)
	}
	for _, f := range found {
		if unread[f.Path] {
			continue // what could not be read is not what was meant
		}
		f = f.writtenAs(d.texts[f.Path])
		f.Line = d.lineOf(f.Path)
		d.faults = append(d.faults, f)
	}
}

// parseDocument returns the content of the only document in data, nil where
// there is nothing but comments.
func parseDocument(data []byte) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var first, second yaml.Node
	if err := decoder.Decode(&first); errors.Is(err, io.EOF) {
		return nil, nil //nolint:nilnil // An empty file is neither an error nor a document.
	} else if err != nil {
		return nil, err
	}
	if err := decoder.Decode(&second); err == nil {
		return nil, Fault{Line: second.Line, Message: "holds more than one document; must hold one"}
	} else if !errors.Is(err, io.EOF) {
		return nil, err
	}
	root := first.Content[0]
	if isNull(root) {
		return nil, nil //nolint:nilnil // As above.
	}
	return root, nil
}

// syntaxFault takes the line out of an error of the YAML package, whose only
// place is the text: "yaml: line 3: did not find expected key".
func syntaxFault(err error) Fault {
	if fault, ok := errors.AsType[Fault](err); ok {
		return fault
	}
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if rest, found := strings.CutPrefix(text, "line "); found {
		number, message, _ := strings.Cut(rest, ": ")
		if line, err := strconv.Atoi(number); err == nil {
			return Fault{Line: line, Message: "not YAML at or after this line: " + message}
		}
	}
	return Fault{Message: "not YAML: " + text}
}
