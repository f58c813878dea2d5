package logcmd

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/cri-logshim/cri-logshim/logreader"
	"github.com/cri-logshim/cri-logshim/logreader/logprint"
)

// ErrPartly tells that some of the logs could not be read; what and why was told to Warn.
var ErrPartly = errors.New("some of the logs could not be read")

// Show shows all lines of the containers. The error is ErrPartly, or what has ended it.
func Show(ctx context.Context, src logreader.Source, containers []logreader.Container, o logreader.Options, printer *logprint.Printer) (err error) {
	partly := false
	warn := o.Warn
	o.Warn = func(err error) {
		partly = true
		if warn != nil {
			warn(err)
		}
	}
	o.Idle = printer.Flush
	r := logreader.New(src, containers, o)
	defer func() {
		if err = errors.Join(err, printer.Close(), r.Close()); err == nil && partly {
			err = ErrPartly // of which nothing more is told, so it is no part of another error
		}
	}()
	garbage := 0
	for {
		line, err := r.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if line.Err != nil && !line.Continued {
			garbage++
		}
		if err := printer.Print(line); err != nil {
			return fmt.Errorf("write the logs: %w", err)
		}
	}
	if garbage > 0 && warn != nil {
		places := "one place"
		if garbage > 1 {
			places = fmt.Sprintf("%d places", garbage)
		}
		warn(fmt.Errorf("what is no record of a container's output was shown as it is, in %s", places))
	}
	return nil
}
