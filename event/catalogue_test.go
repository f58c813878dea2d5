package event_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/cri-logshim/cri-logshim/event"
)

// Each reason has an id of its own in systemd's form, and a meaning. Two of the same would be
// mistaken for each other.
func TestCatalogue(t *testing.T) {
	ids, reasons := map[string]bool{}, map[event.Reason]bool{}
	form := regexp.MustCompile(`^[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}$`) // RFC 9562, version 4
	for _, k := range event.Catalogue() {
		if ids[k.ID] || reasons[k.Reason] || !form.MatchString(k.ID) || k.Meaning == "" {
			t.Errorf("%s: id %q, meaning %q", k.Reason, k.ID, k.Meaning)
		}
		ids[k.ID], reasons[k.Reason] = true, true
		if got := k.Reason.ID(); got != k.ID {
			t.Errorf("%s has the id %q, in the catalogue %q", k.Reason, got, k.ID)
		}
	}
	if id := event.Reason("Nothing").ID(); id != "" {
		t.Errorf("an unknown reason has the id %q", id)
	}
}

// Every reason that has a constant is in the catalogue, and something in the program has it: a
// reason that nobody gives would be waited for in vain.
func TestCatalogueIsUsed(t *testing.T) {
	used := map[string]bool{}
	mention := regexp.MustCompile(`\bevent\.([A-Z]\w*)\b`)
	for _, room := range []string{"cmd", "logmgr", "proxy", "interceptors", "policy", "admin"} {
		eachFile(t, filepath.Join("..", room), func(path string) {
			for _, found := range mention.FindAllStringSubmatch(readFile(t, path), -1) {
				used[found[1]] = true
			}
		})
	}
	constants := reasonConstants(t)
	if n := len(event.Catalogue()); n != len(constants) {
		t.Errorf("%d reasons in the catalogue, %d constants", n, len(constants))
	}
	for _, k := range event.Catalogue() {
		if !used[string(k.Reason)] {
			t.Errorf("nothing has the reason %s", k.Reason)
		}
		if !constants[string(k.Reason)] {
			t.Errorf("%s is no constant", k.Reason)
		}
	}
}

// reasonConstants are the names of the constants of type Reason.
func reasonConstants(t *testing.T) map[string]bool {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "catalogue.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		value, is := n.(*ast.ValueSpec)
		if !is {
			return true
		}
		if of, is := value.Type.(*ast.Ident); is && of.Name == "Reason" {
			names[value.Names[0].Name] = true
		}
		return true
	})
	return names
}

// eachFile visits the program's own sources below a folder.
// readFile returns the text of a file.
func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func eachFile(t *testing.T, root string, visit func(path string)) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
			visit(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
