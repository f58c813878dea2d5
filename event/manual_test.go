package event_test

import (
	"fmt"
	"regexp"
	"slices"
	"testing"

	"github.com/cri-logshim/cri-logshim/event"
)

// docs/monitoring.md has the catalogue, all of it and nothing else.
func TestManual(t *testing.T) {
	const manual = "../docs/monitoring.md"
	got := regexp.MustCompile("(?m)^\\| `[A-Z].*` \\| `[0-9a-f]*` \\| .* \\|$").FindAllString(readFile(t, manual), -1)
	var want []string
	for _, k := range event.Catalogue() {
		want = append(want, fmt.Sprintf("| `%s` | `%s` | %s |", k.Reason, k.ID, k.Meaning))
	}
	if !slices.Equal(got, want) {
		t.Errorf("the rows of %s are\n%q\nwant\n%q", manual, got, want)
	}
}
