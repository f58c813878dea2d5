package logcmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/spf13/cobra"

	"github.com/cri-logshim/cri-logshim/exitcode"
	"github.com/cri-logshim/cri-logshim/logreader/logprint"
	"github.com/cri-logshim/cri-logshim/terminal"
)

// Command is a command that shows logs, wherever they are.
type Command struct {
	Choice *Flags
	Form   *logprint.Flags
	// Find finds out where the logs are that are wanted, and calls show, whose error it returns, with what
	// chooses among them and with what is wanted, which it may know better then.
	Find func(ctx context.Context, w Wanted, note Note, show func(*Chooser, Wanted) error) error
}

// Note tells the person who reads something, beside the logs. It may hold foreign names.
type Note func(format string, args ...any)

// Run is one call of the command: until the logs are shown, or a person ends it. An error bears its exit code.
func (c *Command) Run(cmd *cobra.Command, args []string) error {
	now := time.Now()
	wanted, err := c.Choice.Wanted(args)
	if err != nil {
		return Coded(err)
	}
	lines, err := c.Choice.Options(now)
	if err != nil {
		return Coded(err)
	}
	out := cmd.OutOrStdout()
	form, err := c.Form.Options(out, os.Getenv)
	if err != nil {
		return exitcode.With(exitcode.Usage, err)
	}
	form.Progress = terminal.NewProgress(cmd.ErrOrStderr(), os.Getenv, time.Now)
	note := noteTo(form.Progress.Around(cmd.ErrOrStderr()), cmd.Root().Name())
	lines.Warn = func(err error) { note("%v", err) }

	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt)
	defer stop()
	context.AfterFunc(ctx, stop) // a second one ends the program at once
	err = c.Find(ctx, wanted, note, func(chooser *Chooser, wanted Wanted) error {
		chooser.Note = note
		containers, err := chooser.Choose(ctx, wanted)
		if err != nil {
			return err
		}
		printer, err := logprint.New(out, form)
		if err != nil {
			return err
		}
		return Show(ctx, chooser.Source, containers, lines, printer)
	})
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return exitcode.With(exitcode.Interrupted, exitcode.ErrTold)
	case errors.Is(err, ErrPartly): // which was told where it was found
		return exitcode.With(exitcode.Partly, exitcode.ErrTold)
	}
	return Coded(err)
}

// noteTo tells what a program has to say.
func noteTo(w io.Writer, program string) Note {
	return func(format string, args ...any) {
		text := fmt.Sprintf(format, args...)
		if terminal.Is(w) {
			text = terminal.Harmless(text)
		}
		_, _ = fmt.Fprintln(w, program+": "+text)
	}
}
