package exitcode_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/cri-logshim/cri-logshim/exitcode"
)

// An error keeps its code and stays what it is, however it is wrapped.
func TestOf(t *testing.T) {
	for _, c := range []struct {
		err  error
		want exitcode.Code
	}{
		{nil, exitcode.OK},
		{io.EOF, exitcode.Failed},
		{exitcode.With(exitcode.NotFound, nil), exitcode.OK},
		{fmt.Errorf("read: %w", exitcode.With(exitcode.Partly, io.EOF)), exitcode.Partly},
		{errors.Join(io.EOF, exitcode.Usagef("flag %q", "x")), exitcode.Usage},
		{exitcode.With(exitcode.Unreachable, exitcode.With(exitcode.NotFound, io.EOF)), exitcode.Unreachable},
	} {
		if got := exitcode.Of(c.err); got != c.want {
			t.Errorf("%v has code %d, want %d", c.err, got, c.want)
		}
	}
	if err := exitcode.With(exitcode.Partly, io.EOF); !errors.Is(err, io.EOF) || err.Error() != "EOF" {
		t.Errorf("io.EOF with a code is %v", err)
	}
}

// What scripts go by never changes its number.
func TestCodesStay(t *testing.T) {
	want := []exitcode.Code{0, 1, 2, 3, 4, 5, 130}
	got := exitcode.Table()
	if len(got) != len(want) {
		t.Fatalf("%d codes, want %d", len(got), len(want))
	}
	help := exitcode.Help()
	for n, entry := range got {
		if entry.Code != want[n] || !strings.Contains(help, fmt.Sprintf(" %d  %s\n", want[n], entry.Meaning)) {
			t.Errorf("code %d is %d in the table, which is shown as\n%s", want[n], entry.Code, help)
		}
	}
	if exitcode.Partly != 5 || exitcode.Unreachable != 4 || exitcode.NotFound != 3 || exitcode.Usage != 2 {
		t.Error("the names of codes have moved")
	}
}
