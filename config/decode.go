package config

import (
	"encoding"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// decoder fills a Configuration from YAML nodes. The YAML package's own strict
// decoding names Go types instead of settings and forgets where a setting
// stood; here every fault has its path, and every path its line.
type decoder struct {
	lines  Lines
	texts  map[string]string // of the single values, as they are written, by path
	faults faults
}

// decode fills v, whose fields hold the defaults, from n.
func (d *decoder) decode(path string, n *yaml.Node, v reflect.Value) {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	if _, isText := reflect.TypeAssert[encoding.TextUnmarshaler](v.Addr()); isText {
		d.scalar(path, n, v)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.section(path, n, v)
	case reflect.Map:
		d.stringMap(path, n, v)
	case reflect.Slice:
		d.list(path, n, v)
	default:
		d.scalar(path, n, v)
	}
}

// section fills a struct; a section whose settings are all commented out is
// null and keeps the defaults.
func (d *decoder) section(path string, n *yaml.Node, v reflect.Value) {
	fields := map[string]reflect.Value{}
	for field, value := range v.Fields() {
		fields[keyOf(field)] = value
	}
	if _, switched := fields["enabled"]; switched && n.ShortTag() == "!!bool" {
		d.fault(path, n.Line, "must be a mapping of settings, is %s; did you mean {enabled: %s}?", describe(n), n.Value)
		return
	}
	d.mapping(path, "settings", n, func(key, value *yaml.Node, path string) {
		field, known := fields[key.Value]
		if !known {
			d.fault(path, key.Line, "%s", unknownSetting(key.Value, v.Type()))
			return
		}
		d.decode(path, value, field)
	})
}

// stringMap fills a map from names to texts.
func (d *decoder) stringMap(path string, n *yaml.Node, v reflect.Value) {
	v.SetZero()
	d.mapping(path, "names and values", n, func(key, value *yaml.Node, path string) {
		if v.IsNil() {
			v.Set(reflect.MakeMap(v.Type()))
		}
		text := reflect.New(v.Type().Elem()).Elem()
		d.decode(path, value, text)
		v.SetMapIndex(reflect.ValueOf(key.Value), text)
	})
}

// mapping calls each for every key that is a text and not there twice.
// Of says what there is one of.
func (d *decoder) mapping(path, of string, n *yaml.Node, each func(key, value *yaml.Node, path string)) {
	if isNull(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		d.fault(path, n.Line, "must be a mapping of %s, is %s", of, describe(n))
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode {
			d.fault(path, key.Line, "a key must be a name, is %s", describe(key))
			continue
		}
		at := join(path, key.Value)
		if first, twice := seen[key.Value]; twice {
			d.fault(at, key.Line, "is set twice, first on line %d", first)
			continue
		}
		seen[key.Value] = key.Line
		d.lines[at] = key.Line
		each(key, value, at)
	}
}

func (d *decoder) list(path string, n *yaml.Node, v reflect.Value) {
	if isNull(n) {
		return
	}
	if n.Kind != yaml.SequenceNode {
		d.fault(path, n.Line, "must be a list, is %s", describe(n))
		return
	}
	v.SetZero()
	if len(n.Content) > 0 {
		v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	}
	for i, item := range n.Content {
		at := path + "[" + strconv.Itoa(i) + "]"
		d.lines[at] = item.Line
		d.decode(at, item, v.Index(i))
	}
}

// scalar fills a single value. An empty one is a fault: it may mean "the
// default" or "none", and both can be written plainly.
func (d *decoder) scalar(path string, n *yaml.Node, v reflect.Value) {
	switch {
	case isNull(n):
		d.fault(path, n.Line, "has no value; leave it out for the default%s", orEmpty(v))
	case n.Kind != yaml.ScalarNode || !isPlainTag(n.ShortTag()):
		d.fault(path, n.Line, "must be a single value, is %s", describe(n))
	default:
		d.texts[path] = n.Value
		if err := setScalar(n, v); err != nil {
			d.fault(path, n.Line, "%v", err)
		}
	}
}

// orEmpty tells that a setting may be written as nothing, if that is so for its kind.
func orEmpty(v reflect.Value) string {
	switch v.Type() {
	case reflect.TypeFor[string](), reflect.TypeFor[Floor](), reflect.TypeFor[FileMode]():
		return `, or write ""`
	}
	return ""
}

func setScalar(n *yaml.Node, v reflect.Value) error {
	if text, isText := reflect.TypeAssert[encoding.TextUnmarshaler](v.Addr()); isText {
		return text.UnmarshalText([]byte(n.Value))
	}
	if v.Type() == reflect.TypeFor[time.Duration]() {
		return setDuration(n.Value, v)
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(n.Value)
		return nil
	case reflect.Int:
		if n.Style == 0 && isBare(n.Value) && n.Decode(v.Addr().Interface()) != nil {
			return fmt.Errorf("must be a whole number that is not as large as %s", n.Value)
		}
		if n.ShortTag() != "!!int" || n.Decode(v.Addr().Interface()) != nil {
			return fmt.Errorf("must be a whole number%s, is %q", unquoted(n), n.Value)
		}
		return nil
	case reflect.Bool:
		if n.Decode(v.Addr().Interface()) != nil {
			return fmt.Errorf("must be true or false%s, is %q", unquoted(n), n.Value)
		}
		return nil
	default:
		return fmt.Errorf("cannot be read as %s", v.Type())
	}
}

// unquoted helps who wrote quotes, which make a text of a number and of true.
func unquoted(n *yaml.Node) string {
	if n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 {
		return " without quotes"
	}
	return ""
}

func setDuration(text string, v reflect.Value) error {
	duration, err := time.ParseDuration(text)
	if err != nil {
		return fmt.Errorf("must be a duration such as 90s, 2m or 168h, is %q%s", text, durationHint(text))
	}
	v.SetInt(int64(duration))
	return nil
}

// durationHint helps who wrote days, or a duration that is longer than any can be.
func durationHint(text string) string {
	if days, isDays := strings.CutSuffix(text, "d"); isDays && isBare(days) && len(days) <= 4 {
		n, _ := strconv.Atoi(days) // digits, and few
		return fmt.Sprintf(" (there is no unit for days; did you mean %dh?)", 24*n)
	}
	if hours, isHours := strings.CutSuffix(text, "h"); isHours && isBare(hours) {
		return fmt.Sprintf(" (too long; the longest is %.0fh)", time.Duration(math.MaxInt64).Truncate(time.Hour).Hours())
	}
	return ""
}

// isBare tells a number without sign, point or unit.
func isBare(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }

func (d *decoder) fault(path string, line int, format string, args ...any) {
	d.faults = append(d.faults, Fault{Line: line, Path: path, Message: fmt.Sprintf(format, args...)})
}

// lineOf returns the line of the setting at path, or of the nearest section
// around it that is in the file, or 0.
func (d *decoder) lineOf(path string) int {
	for path != "" {
		if line, ok := d.lines[path]; ok {
			return line
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return 0
}

// keysOf returns the names of a section's settings in the order of the manual.
func keysOf(section reflect.Type) []string {
	keys := make([]string, 0, section.NumField())
	for field := range section.Fields() {
		keys = append(keys, keyOf(field))
	}
	return keys
}

func keyOf(field reflect.StructField) string {
	key, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
	return key
}

// join appends a key to a path. A key that is no plain name is quoted, so that
// a fault stays on one line.
func join(path, key string) string {
	if key == "" || strings.ContainsFunc(key, notInKey) {
		key = strconv.Quote(key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

func notInKey(r rune) bool {
	isLetter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
	return !isLetter && (r < '0' || r > '9') && !strings.ContainsRune("._-/", r)
}

func isNull(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}

// isPlainTag tells the tags of ordinary values from !!binary and inventions.
func isPlainTag(tag string) bool {
	switch tag {
	case "!!str", "!!int", "!!float", "!!bool", "!!timestamp":
		return true
	}
	return false
}

// describe names what a node is, for somebody who meant something else.
func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias"
	case yaml.ScalarNode, yaml.DocumentNode:
	}
	if isPlainTag(n.ShortTag()) {
		return fmt.Sprintf("the single value %q", n.Value)
	}
	return fmt.Sprintf("%q with the tag %s", n.Value, n.ShortTag())
}
