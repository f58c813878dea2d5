package config

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const manual = "../docs/configuration.md"

// settings returns the paths of all settings that section has, by reflection;
// the settings of a list's items are below "[]".
func settings(path string, section reflect.Type) []string {
	switch section.Kind() {
	case reflect.Struct:
		if section == reflect.TypeFor[Floor]() {
			return []string{path}
		}
		var paths []string
		for field := range section.Fields() {
			paths = append(paths, settings(join(path, keyOf(field)), field.Type)...)
		}
		return paths
	case reflect.Slice:
		return append([]string{path}, settings(path+"[]", section.Elem())...)
	default:
		return []string{path}
	}
}

// readManual returns the rows about settings in a section of the manual: the
// default by path.
func readManual(t *testing.T, section string) map[string]string {
	t.Helper()
	rows := map[string]string{}
	line := regexp.MustCompile("^\\| `([^`]*)` \\| (`[^`]*`|–) \\| .*[^ ].* \\|$")
	for text := range strings.Lines(section) {
		if found := line.FindStringSubmatch(strings.TrimSuffix(text, "\n")); found != nil {
			path, value := found[1], strings.Trim(found[2], "`")
			if _, twice := rows[path]; twice {
				t.Errorf("%s is in the manual twice", path)
			}
			rows[path] = value
		}
	}
	return rows
}

func readManualText(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestManualIsComplete holds that the manual names every setting, no other,
// and for each the default that it has.
func TestManualIsComplete(t *testing.T) {
	rows := readManual(t, readManualText(t))
	for _, path := range settings("", reflect.TypeFor[Configuration]()) {
		value, found := rows[path]
		delete(rows, path)
		switch {
		case !found:
			t.Errorf("%s is not in the manual", path)
		case strings.Contains(path, "[]"):
			if value != "–" {
				t.Errorf("%s has the default %s in the manual, but none", path, value)
			}
		default:
			checkManualDefault(t, path, value)
		}
	}
	for path := range rows {
		t.Errorf("%s is in the manual but does not exist", path)
	}
}

// checkManualDefault sets the setting to what the manual says is the default.
func checkManualDefault(t *testing.T, path, value string) {
	t.Helper()
	switch path {
	case "apiVersion", "kind": // In every document of this test.
		if value != APIVersion && value != Kind {
			t.Errorf("%s is %s in the manual", path, value)
		}
		return
	}
	c, _, err := Parse("manual", document(path, value))
	if err != nil {
		t.Errorf("the manual's default of %s is refused: %v", path, err)
		return
	}
	if diff := cmp.Diff(Default(), c); diff != "" {
		t.Errorf("the manual's default of %s is another (-default +manual):\n%s", path, diff)
	}
}

// document writes one setting as a file.
func document(path, value string) []byte {
	sections := strings.Split(path, ".")
	last := len(sections) - 1
	text := sections[last] + ": " + value
	for i := last - 1; i >= 0; i-- {
		text = sections[i] + ": {" + text + "}"
	}
	return []byte("apiVersion: " + APIVersion + "\nkind: " + Kind + "\n" + text + "\n")
}

// TestManualExamples holds that every file in the manual is accepted.
func TestManualExamples(t *testing.T) {
	examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(readManualText(t), -1)
	if len(examples) == 0 {
		t.Fatal("no examples found")
	}
	for _, example := range examples {
		if _, _, err := Parse("example", []byte(example[1])); err != nil {
			t.Errorf("%v in\n%s", err, example[1])
		}
	}
}
