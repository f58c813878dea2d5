package edit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// offset is where a node begins in a text, in bytes. A node's column counts characters, from
// 1 as its line does.
func offset(text []byte, line, column int) (int, error) {
	at := 0
	for range line - 1 {
		end := bytes.IndexByte(text[at:], '\n')
		if end < 0 {
			return 0, fmt.Errorf("line %d %w", line, ErrForm)
		}
		at += end + 1
	}
	characters := 0
	for i := range string(text[at:]) {
		if characters == column-1 {
			return at + i, nil
		}
		characters++
	}
	if characters == column-1 {
		return len(text), nil
	}
	return 0, fmt.Errorf("line %d %w", line, ErrForm)
}

// extent is where a scalar that lies on one line begins and ends in a text.
func extent(text []byte, node *yaml.Node) (begin, end int, err error) {
	unfit := fmt.Errorf("line %d: what stands there %w", node.Line, ErrForm)
	if node.Kind != yaml.ScalarNode || node.Anchor != "" {
		return 0, 0, unfit
	}
	begin, err = offset(text, node.Line, node.Column)
	if err != nil {
		return 0, 0, err
	}
	rest := string(text[begin:])
	rest, _, _ = strings.Cut(rest, "\n")
	switch node.Style {
	case 0:
		if !strings.HasPrefix(rest, node.Value) {
			return 0, 0, unfit
		}
		return begin, begin + len(node.Value), nil
	case yaml.DoubleQuotedStyle:
		length := quoted(rest, '"')
		return begin, begin + length, errIf(length == 0, unfit)
	case yaml.SingleQuotedStyle:
		length := quoted(rest, '\'')
		return begin, begin + length, errIf(length == 0, unfit)
	default:
		return 0, 0, unfit
	}
}

func errIf(is bool, err error) error {
	if is {
		return err
	}
	return nil
}

// quoted is how long the quotation is with which a text begins; 0: it begins with none, or
// with one that does not end.
func quoted(text string, quote byte) int {
	if text == "" || text[0] != quote {
		return 0
	}
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '\\' && quote == '"':
			i++
		case text[i] == quote && quote == '\'' && strings.HasPrefix(text[i+1:], "'"):
			i++
		case text[i] == quote:
			return i + 1
		}
	}
	return 0
}

// replace puts a value in the place of another, quoted as that was.
func replace(text []byte, root, key, old *yaml.Node, value string) ([]byte, error) {
	if old.Kind == yaml.ScalarNode && old.Value == "" && old.Style == 0 {
		return fill(text, key, value)
	}
	begin, end, err := extent(text, old)
	if err != nil {
		return nil, err
	}
	written := plain(value)
	switch {
	case old.Style == yaml.SingleQuotedStyle:
		written = "'" + strings.ReplaceAll(value, "'", "''") + "'"
	case old.Style == yaml.DoubleQuotedStyle || inFlow(root):
		written = inQuotes(value)
	}
	return splice(text, begin, end, written), nil
}

// fill gives a key a value that has none.
func fill(text []byte, key *yaml.Node, value string) ([]byte, error) {
	_, end, err := extent(text, key)
	if err != nil {
		return nil, err
	}
	colon := bytes.IndexByte(text[end:], ':')
	if colon < 0 {
		return nil, fmt.Errorf("line %d: what stands there %w", key.Line, ErrForm)
	}
	return splice(text, end+colon+1, end+colon+1, " "+plain(value)), nil
}

// insert adds a key: to a block behind all others, between braces before all others.
func insert(text []byte, root *yaml.Node, key, value string) ([]byte, error) {
	if !inFlow(root) {
		return appendLine(text, strings.Repeat(" ", root.Column-1)+key+": "+plain(value)), nil
	}
	begin, err := offset(text, root.Line, root.Column)
	if err != nil {
		return nil, err
	}
	if len(root.Content) == 0 {
		return splice(text, begin+1, begin+1, inQuotes(key)+": "+inQuotes(value)), nil
	}
	first, err := offset(text, root.Content[0].Line, root.Content[0].Column)
	if err != nil {
		return nil, err
	}
	// As the first key stands there, on a line of its own or not.
	space := string(text[begin+1 : first])
	return splice(text, first, first, inQuotes(key)+": "+inQuotes(value)+","+orSpace(space)), nil
}

func orSpace(space string) string {
	if space == "" {
		return " "
	}
	return space
}

// cut takes a key and its value away, the whole line where they have it to themselves.
func cut(text []byte, root, key, value *yaml.Node) ([]byte, error) {
	begin, _, err := extent(text, key)
	if err != nil {
		return nil, err
	}
	_, end, err := extent(text, value)
	if err != nil {
		return nil, err
	}
	if !inFlow(root) {
		begin = bytes.LastIndexByte(text[:begin], '\n') + 1
		if line := bytes.IndexByte(text[end:], '\n'); line >= 0 {
			end += line + 1
		} else {
			end = len(text)
		}
		return splice(text, begin, end, ""), nil
	}
	// The comma behind it and the space up to the next key, else the comma before it.
	rest := bytes.TrimLeft(text[end:], " \t\r\n")
	if bytes.HasPrefix(rest, []byte(",")) {
		return splice(text, begin, len(text)-len(bytes.TrimLeft(rest[1:], " \t\r\n")), ""), nil
	}
	before := bytes.TrimRight(text[:begin], " \t\r\n")
	return splice(text, len(bytes.TrimSuffix(before, []byte(","))), end, ""), nil
}

func inFlow(root *yaml.Node) bool { return root.Style&yaml.FlowStyle != 0 }

func splice(text []byte, begin, end int, with string) []byte {
	return append(append(append([]byte{}, text[:begin]...), with...), text[end:]...)
}

func appendLine(text []byte, line string) []byte {
	edited := append([]byte{}, text...)
	if len(edited) > 0 && edited[len(edited)-1] != '\n' {
		edited = append(edited, '\n')
	}
	return append(edited, line+"\n"...)
}

// inQuotes is a value as JSON and YAML both write it.
func inQuotes(value string) string {
	text, err := json.Marshal(value)
	if err != nil {
		return `""` // of a string, it cannot be
	}
	return string(text)
}

// plain is a value without quotes, if that means the same.
func plain(value string) string {
	var node yaml.Node
	err := yaml.Unmarshal([]byte("x: "+value+"\n"), &node)
	if err == nil {
		if _, read := pair(node.Content[0], "x"); read != nil && read.Tag == "!!str" && read.Value == value && read.Style == 0 {
			return value
		}
	}
	return inQuotes(value)
}
