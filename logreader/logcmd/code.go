package logcmd

import (
	"errors"

	"github.com/cri-logshim/cri-logshim/exitcode"
	"github.com/cri-logshim/cri-logshim/logreader"
)

// Coded gives an error of this package, or of reading logs, the code that a program exits with.
func Coded(err error) error {
	if _, ok := errors.AsType[*UsageError](err); ok {
		return exitcode.With(exitcode.Usage, err)
	}
	if _, ok := errors.AsType[*NotFoundError](err); ok {
		return exitcode.With(exitcode.NotFound, err)
	}
	if _, ok := errors.AsType[*logreader.NoLogError](err); ok {
		return exitcode.With(exitcode.NotFound, err)
	}
	if errors.Is(err, ErrPartly) {
		return exitcode.With(exitcode.Partly, err)
	}
	return err
}
