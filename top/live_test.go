package top

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"go.uber.org/goleak"
)

// A view that leaves something running behind it would go on asking the daemon.
func TestLiveEnds(t *testing.T) {
	defer goleak.VerifyNone(t)
	for name, c := range map[string]struct {
		end  func(keys io.Writer, cancel func()) error
		want error
	}{
		"by a key": {func(keys io.Writer, _ func()) error {
			_, err := keys.Write([]byte("q"))
			return err
		}, nil},
		"by its context": {func(_ io.Writer, cancel func()) error { cancel(); return nil }, context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			in, keys := io.Pipe()
			ended := make(chan error, 1)
			go func() {
				ended <- Live(ctx, &scripted{sample: busyNode()}, Options{Interval: minInterval, Order: ByRate}, in, &bytes.Buffer{})
			}()
			if err := c.end(keys, cancel); err != nil {
				t.Fatal(err)
			}
			if err := <-ended; !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
			if err := keys.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// A daemon that is not there is an ordinary error, told on an ordinary screen.
func TestLiveWithoutADaemon(t *testing.T) {
	t.Parallel()
	refused := errors.New("connection refused")
	var out bytes.Buffer
	err := Live(t.Context(), &scripted{errs: []error{refused}}, Options{Interval: time.Second, Order: ByRate}, &bytes.Buffer{}, &out)
	if !errors.Is(err, refused) || out.Len() > 0 {
		t.Errorf("%v, and %q on the terminal", err, out.String())
	}
}

// If a key had all rows be laid out again, scrolling through the logs of a large node would
// falter: it may cost more with more logs, but by far not as many times more as there are more.
func TestKeysCostNoMoreWithMoreLogs(t *testing.T) {
	cost := func(logs int) float64 {
		s := busyNode()
		for len(s.logs) < logs {
			s.logs = append(s.logs, busyNode().logs...)
		}
		m := newView(s, 120, 40)
		return testing.AllocsPerRun(20, func() {
			m.Update(tea.KeyPressMsg{Code: tea.KeyDown})
			m.View()
		})
	}
	few, many := cost(100), cost(5000)
	if many > 2*few {
		t.Errorf("%.0f allocations for a key with 100 logs, %.0f with 5,000", few, many)
	}
}
