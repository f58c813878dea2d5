package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/cri-logshim/cri-logshim/terminal"
)

// What structured things are printed as by every command that prints any.
const (
	outputText  = "text"
	outputTable = "table"
	outputWide  = "wide"
	outputJSON  = "json"
	outputYAML  = "yaml"
)

// output is the value of the flag --output, which takes certain formats only.
type output struct {
	format string
	known  []string
}

// addOutputFlag adds --output to a command. The first format is the default.
func addOutputFlag(cmd *cobra.Command, known ...string) *output {
	o := &output{format: known[0], known: known}
	cmd.Flags().VarP(o, "output", "o", "output `format`: "+either(known))
	completeWords(cmd, "output", known...)
	return o
}

// Set implements pflag.Value.
func (o *output) Set(format string) error {
	if !slices.Contains(o.known, format) {
		return errors.New("must be " + either(o.known))
	}
	o.format = format
	return nil
}

// String implements pflag.Value.
func (o *output) String() string { return o.format }

// Type implements pflag.Value.
func (*output) Type() string { return "format" }

// print prints v as JSON or YAML, with the names that it has in JSON, or has text printed.
func (o *output) print(w io.Writer, v any, text func(io.Writer) error) error {
	switch o.format {
	case outputJSON:
		return printJSON(w, v)
	case outputYAML:
		return printYAML(w, v)
	default:
		return text(w)
	}
}

// printJSON prints v. It may hold names of others, which nothing on a terminal is to act on.
func printJSON(w io.Writer, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	_, err = w.Write(append(terminal.HarmlessJSON(text), '\n'))
	return err
}

// printYAML goes by way of JSON, so that both have the same names in the same order.
func printYAML(w io.Writer, v any) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return err
	}
	var node yaml.Node // JSON is YAML, too, but for some controls as they are
	if err := yaml.Unmarshal(terminal.HarmlessJSON(text.Bytes()), &node); err != nil {
		return fmt.Errorf("make YAML of JSON: %w", err)
	}
	if err := inBlocks(&node); err != nil {
		return fmt.Errorf("make YAML of JSON: %w", err)
	}
	var printed bytes.Buffer
	out := yaml.NewEncoder(&printed)
	out.SetIndent(2)
	if err := errors.Join(out.Encode(&node), out.Close()); err != nil {
		return fmt.Errorf("make YAML of JSON: %w", err)
	}
	_, err := w.Write(terminal.HarmlessJSON(printed.Bytes())) // in quotes, YAML has the escapes of JSON
	return err
}

// inBlocks takes the braces of JSON off, and the quotes where YAML of any version needs none.
func inBlocks(node *yaml.Node) error {
	switch {
	case node.Kind == yaml.ScalarNode && node.Tag == "!!str":
		if err := node.Encode(node.Value); err != nil {
			return err
		}
		if strings.ContainsFunc(node.Value, func(char rune) bool { return char != '\n' && terminal.Steers(char) }) {
			node.Style = yaml.DoubleQuotedStyle
		}
	case len(node.Content) > 0: // {} and [] stay
		node.Style = 0
	}
	for _, below := range node.Content {
		if err := inBlocks(below); err != nil {
			return err
		}
	}
	return nil
}

// either lists words of which one is meant: "a, b or c".
func either(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
