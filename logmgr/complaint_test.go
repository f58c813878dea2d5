package logmgr

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"
)

// An error that repeats is logged once a minute for each log, another one at once, and
// what has not been said for a minute takes no memory.
func TestComplaints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, said := logtest.NewNullLogger()
		var c complaints
		complain := func(about string, err error) {
			c.complain(about, func() logrus.FieldLogger { return log }, "cannot look", err)
		}
		for i := range 10 {
			complain("a", fmt.Errorf("open file %d: %w", i, io.EOF))
			complain("b", io.EOF)
		}
		if n := len(said.Entries); n != 2 {
			t.Errorf("said %d times of two logs, want 2", n)
		}
		complain("a", errors.ErrUnsupported)
		if n := len(said.Entries); n != 3 {
			t.Errorf("another error: said %d times, want 3", n)
		}
		time.Sleep(repeatComplaint)
		complain("b", io.EOF)
		if n := len(said.Entries); n != 4 {
			t.Errorf("after a minute: said %d times, want 4", n)
		}
		if len(c.last) != 1 {
			t.Errorf("%d complaints are remembered, want 1", len(c.last))
		}
	})
}

// Errors that are joined come down to the causes of each, whatever files they name and
// however many have the same one, and whichever comes first; two that take turns are each
// said once.
func TestJoinedComplaints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, said := logtest.NewNullLogger()
		var c complaints
		complain := func(err error) {
			c.complain("a", func() logrus.FieldLogger { return log }, "cannot look", err)
		}
		full := func(name string) error { return &fs.PathError{Op: "open", Path: name, Err: syscall.ENOSPC} }
		refused := func(name string) error { return fmt.Errorf("%q: %w: %w", name, io.EOF, syscall.EACCES) }
		for i := range 10 {
			name := fmt.Sprint(i)
			complain(errors.Join(nil, full(name)))
			complain(fmt.Errorf("in %q: %w", name, errors.Join(full(name), full(name+"x"))))
			complain(errors.Join(refused(name), full(name)))
			complain(errors.Join(full(name), refused(name), refused(name)))
		}
		if n := len(said.Entries); n != 2 {
			t.Errorf("said %d times, want 2: no space left, and that beside the others", n)
		}
		complain(errors.Join(refused("1")))
		if n := len(said.Entries); n != 3 {
			t.Errorf("one error less: said %d times, want 3", n)
		}
	})
}
