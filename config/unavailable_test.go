package config

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// asked is a value for every setting that this version does not have.
func asked() map[string]string {
	return map[string]string{
		"mode":                                 "manage",
		"rotation.maxFilesUnread":              "10",
		"rotation.maxAge":                      "24h",
		"rotation.maxTotalSize":                "1Gi",
		"rotation.keepAfterRemoval":            "1h",
		"files.group":                          "adm",
		"files.mode":                           "0640",
		"policies":                             "[{match: {namespace: x}, rotation: {maxFiles: 3}}]",
		"annotations.enabled":                  "true, ceiling: {maxSize: 1, maxFiles: 2}",
		"annotations.ceiling.maxSize":          "200Mi",
		"annotations.ceiling.maxFiles":         "20",
		"annotations.ceiling.keepAfterRemoval": "168h",
		"node.maxBytes":                        "10Gi",
		"node.minFree":                         "12%",
		"node.minFreeInodes":                   "6%",
		"keepDir":                              "/var/log/cri-logshim/kept",
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

// TestUnavailable holds that a setting that would do nothing is refused with
// its line, and that saying it is off is accepted.
func TestUnavailable(t *testing.T) {
	values := asked()
	for _, s := range unavailable() {
		t.Run(s.path, func(t *testing.T) {
			value, ok := values[s.path]
			if !ok {
				t.Fatal("no value to ask for in this test")
			}
			_, err := Parse("c.yaml", document(s.path, value))
			if err == nil || !strings.Contains(err.Error(), "c.yaml:3: "+s.path+": ") ||
				!strings.Contains(err.Error(), "not available in this version") {
				t.Errorf("%s: got %v", value, err)
			}
			c, err := Parse("c.yaml", document(s.path, s.offText))
			if err != nil {
				t.Errorf("off as %s: %v", s.offText, err)
			} else if diff := cmp.Diff(Default(), c); diff != "" {
				t.Errorf("off is not the default:\n%s", diff)
			}
		})
		delete(values, s.path)
	}
	for path := range values {
		t.Errorf("%s is available; nothing to test", path)
	}
}

// TestUnavailableIsAllThatDiffersFromThePlan holds that nothing is off without
// being refused.
func TestUnavailableIsAllThatDiffersFromThePlan(t *testing.T) {
	err := planned().Validate()
	var joined interface{ Unwrap() []error }
	if !errors.As(err, &joined) {
		t.Fatalf("the planned defaults: %v", err)
	}
	for _, err := range joined.Unwrap() {
		if !strings.Contains(err.Error(), "not available in this version") {
			t.Errorf("the planned defaults are wrong: %v", err)
		}
	}
}

func TestFilesUnreadNotAboveFilesIsOff(t *testing.T) {
	c, err := Parse("c.yaml", document("rotation.maxFilesUnread", "5"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Default(), c); diff != "" {
		t.Errorf("not the default:\n%s", diff)
	}
}

func TestYAMLShowsOnlyWhatIsAvailable(t *testing.T) {
	text, err := Default().YAML()
	if err != nil {
		t.Fatal(err)
	}
	var shown map[string]any
	if err := yaml.Unmarshal(text, &shown); err != nil {
		t.Fatal(err)
	}
	for _, s := range unavailable() {
		// Of a section that has nothing available not even the name is left.
		_, isShown := lookUp(shown, strings.Split(s.path, "."))
		if isShown != s.partly {
			t.Errorf("%s shown: %v", s.path, isShown)
		}
	}
	for section, value := range shown {
		if settings, isSection := value.(map[string]any); isSection && len(settings) == 0 {
			t.Errorf("the empty section %s is shown", section)
		}
	}
}

func lookUp(section map[string]any, path []string) (any, bool) {
	value, found := section[path[0]]
	if len(path) == 1 || !found {
		return value, found
	}
	inner, isSection := value.(map[string]any)
	if !isSection {
		return nil, false
	}
	return lookUp(inner, path[1:])
}
