package top

import (
	"context"
	"fmt"
	"io"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
)

// askTimeout is how long the daemon may take to answer.
const askTimeout = 10 * time.Second

// Live shows the view on a terminal until the operator quits, or ctx is done, which is its
// error then. It asks once before it takes the terminal, so that a daemon that is not there is
// an ordinary error. The terminal is as it was when it returns.
func Live(ctx context.Context, source Source, o Options, in io.Reader, out io.Writer) error {
	if err := o.Check(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	a := actionsOn(ctx, source, time.Now)
	first := a.look()
	if first.err != nil {
		return first.err
	}
	m := newModel(o, a)
	m.begin = func() tea.Msg { return first }
	profile := colorprofile.ANSI
	if !o.Colour {
		profile = colorprofile.ASCII
	}
	program := tea.NewProgram(m, tea.WithInput(in), tea.WithOutput(out), tea.WithoutSignalHandler(), tea.WithColorProfile(profile))
	stop := context.AfterFunc(ctx, program.Quit)
	defer stop()
	if _, err := program.Run(); err != nil {
		return fmt.Errorf("show the logs on the terminal: %w", err)
	}
	return context.Cause(ctx)
}

// newModel returns the view before anything is known.
func newModel(o Options, a actions) *model {
	return &model{
		actions: a, interval: o.Interval, painter: painter{colour: o.Colour, ascii: o.ASCII},
		order: o.Order, reverse: o.Reverse, filter: o.Filter,
	}
}

// actionsOn are the actions on a source; now is the clock.
func actionsOn(ctx context.Context, source Source, now func() time.Time) actions {
	return actions{
		look: func() answered {
			ctx, cancel := context.WithTimeout(ctx, askTimeout)
			defer cancel()
			taken, err := take(ctx, source)
			return answered{taken, err, now()}
		},
		rotate: func(id, name string) tea.Cmd {
			return func() tea.Msg {
				result, err := source.Rotate(ctx, id)
				return rotated{name, result, err}
			}
		},
		wait: func(d time.Duration) tea.Cmd {
			return tea.Tick(d, func(at time.Time) tea.Msg { return ticked(at) })
		},
	}
}
