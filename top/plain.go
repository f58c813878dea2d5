package top

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cri-logshim/cri-logshim/admin/api"
	"github.com/cri-logshim/cri-logshim/terminal"
)

// PlainOptions say how the view is written as text.
type PlainOptions struct {
	Options
	// JSON writes an object a line at each look instead of a table.
	JSON bool
	// Times is how many looks are taken; 0: until ctx is done.
	Times int
	// Trouble takes a line when the daemon has stopped answering, or answers again.
	Trouble io.Writer
}

// report is what is written as JSON.
type report struct {
	Node api.Node  `json:"node"`
	Logs []api.Log `json:"logs"`
}

// Plain writes what the view shows as text, at each interval: all columns, however wide, in no
// colours. It returns the error of ctx if that is done before all looks are taken, and the
// daemon's if it did not answer at the first look, or not at the last.
func Plain(ctx context.Context, source Source, o PlainOptions, out io.Writer) error {
	if err := o.Check(); err != nil {
		return err
	}
	look := actionsOn(ctx, source, time.Now).look
	var away error
	for n := 1; ; n++ {
		answer := look()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if n == 1 && answer.err != nil {
			return answer.err
		}
		o.tell(away, answer.err)
		away = answer.err
		if away == nil {
			if err := o.write(out, answer.sample, n == 1); err != nil {
				return fmt.Errorf("write the table: %w", err)
			}
		}
		if n == o.Times {
			return away
		}
		if err := pause(ctx, o.Interval); err != nil {
			return err
		}
	}
}

// tell says when the daemon has gone, and when it has come back.
func (o PlainOptions) tell(before, now error) {
	switch {
	case before == nil && now != nil:
		fmt.Fprintln(o.Trouble, "No answer any more, asking on: "+harmless(now.Error()))
	case before != nil && now == nil:
		fmt.Fprintln(o.Trouble, "The daemon answers again")
	}
}

func (o PlainOptions) write(out io.Writer, s sample, isFirst bool) error {
	logs := o.Filter.choose(s.logs)
	sortLogs(logs, o.Order, o.Reverse)
	if o.JSON {
		if logs == nil {
			logs = []api.Log{}
		}
		text, err := json.Marshal(report{s.node, logs})
		if err != nil {
			return err
		}
		_, err = out.Write(append(terminal.HarmlessJSON(text), '\n'))
		return err
	}
	lines := append(headLines(s.node), line{})
	t := newTable(logs, s.node.Time, o.Order, o.Reverse, 0)
	lines = append(lines, t.head())
	for _, l := range logs {
		lines = append(lines, t.row(l, false))
	}
	if !isFirst {
		lines = append([]line{{}}, lines...)
	}
	var errs []error
	for _, l := range lines {
		text := l.String()
		if o.ASCII {
			text = toASCII(text)
		}
		_, err := fmt.Fprintln(out, text)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// pause waits, or returns the error of ctx.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
