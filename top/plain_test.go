package top

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cri-logshim/cri-logshim/admin/api"
	"github.com/cri-logshim/cri-logshim/terminal"
)

// scripted is a source that answers one error after the other; nil is an answer, and after the
// last one there are only answers.
type scripted struct {
	sample sample
	errs   []error
	looks  int
}

func (s *scripted) Node(context.Context) (api.Node, error) {
	s.looks++
	if s.looks <= len(s.errs) && s.errs[s.looks-1] != nil {
		return api.Node{}, s.errs[s.looks-1]
	}
	return s.sample.node, nil
}

func (s *scripted) Logs(context.Context) (api.LogList, error) {
	return api.LogList{Logs: s.sample.logs}, nil
}

func (s *scripted) Rotate(context.Context, string) (api.RotateResult, error) {
	return api.RotateResult{}, errors.New("not asked for")
}

func plainOptions(times int) PlainOptions {
	return PlainOptions{Options: Options{Interval: 2 * time.Second, Order: ByRate}, Times: times, Trouble: &bytes.Buffer{}}
}

// A pipe must get each log once, whole, in the order that was asked for, and no control character.
func TestPlain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source := &scripted{sample: busyNode()}
		source.sample.logs[3].Pod = "evil\x1b[2J\nshop  fake"
		o := plainOptions(3)
		o.Order, o.Filter = ByDisk, NewFilter("shop", "")
		var out bytes.Buffer
		began := time.Now()
		if err := Plain(t.Context(), source, o, &out); err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(began); waited != 4*time.Second || source.looks != 3 {
			t.Errorf("%d looks within %s", source.looks, waited)
		}
		if strings.ContainsAny(out.String(), "\x1b\r\t") || strings.Contains(out.String(), "batch  ") {
			t.Errorf("more than what was asked for: %q", out.String())
		}
		if n := strings.Count(out.String(), "web-7d4b9c6f5-x2x8p"); n != 3 {
			t.Errorf("a log is written %d times in 3 tables:\n%s", n, out.String())
		}
		if first := strings.Index(out.String(), "x2x8p"); first > strings.Index(out.String(), "kk4vz") {
			t.Errorf("not sorted by disk:\n%s", out.String())
		}
		for l := range strings.Lines(out.String()) {
			if strings.HasSuffix(l, " \n") {
				t.Errorf("blanks at the end: %q", l)
			}
		}
	})
}

// Each line of JSON has to be a whole object, with a list in it even where no log is left.
func TestPlainJSON(t *testing.T) {
	t.Parallel()
	o := plainOptions(1)
	o.JSON = true
	var out bytes.Buffer
	if err := Plain(t.Context(), &scripted{sample: busyNode()}, o, &out); err != nil {
		t.Fatal(err)
	}
	var got report
	if err := json.Unmarshal(out.Bytes(), &got); err != nil || len(got.Logs) != 12 || got.Node.Host != "worker-7" || got.Logs[0].Container != "worker" {
		t.Errorf("%v: %s", err, out.String())
	}
	out.Reset()
	o.Filter = NewFilter("", "no such log")
	if err := Plain(t.Context(), &scripted{sample: busyNode()}, o, &out); err != nil || !strings.Contains(out.String(), `"logs":[]`) || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("%v: %s", err, out.String())
	}
}

// A name in JSON, which may be shown on a terminal, is not acted upon there.
func TestPlainJSONIsHarmless(t *testing.T) {
	t.Parallel()
	o := plainOptions(1)
	o.JSON = true
	s := busyNode()
	const name = "web\x1b]0;owned\a\u009b2J\u202e"
	s.logs[0].Pod = name
	var out bytes.Buffer
	if err := Plain(t.Context(), &scripted{sample: s}, o, &out); err != nil {
		t.Fatal(err)
	}
	text := strings.TrimSuffix(out.String(), "\n")
	var got report
	if err := json.Unmarshal([]byte(text), &got); err != nil || strings.ContainsFunc(text, terminal.Steers) {
		t.Errorf("%v: %q", err, text)
	}
	if !slices.ContainsFunc(got.Logs, func(l api.Log) bool { return l.Pod == name }) {
		t.Errorf("the name is another: %q", text)
	}
}

// A daemon that restarts must not end what somebody records; one that is not there at all must.
func TestPlainWhileTheDaemonIsAway(t *testing.T) {
	t.Parallel()
	refused := errors.New("connection refused")
	for name, c := range map[string]struct {
		errs   []error
		want   error
		tables int
		told   string
	}{
		"never there":   {[]error{refused}, refused, 0, ""},
		"away for once": {[]error{nil, refused, refused}, nil, 2, "No answer any more, asking on: connection refused\nThe daemon answers again\n"},
		"gone for good": {[]error{nil, refused, refused, refused}, refused, 1, "No answer any more, asking on: connection refused\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var out, told bytes.Buffer
				o := plainOptions(4)
				o.Trouble = &told
				err := Plain(t.Context(), &scripted{sample: busyNode(), errs: c.errs}, o, &out)
				if !errors.Is(err, c.want) || strings.Count(out.String(), "NAMESPACE") != c.tables || told.String() != c.told {
					t.Errorf("%v, told %q:\n%s", err, told.String(), out.String())
				}
			})
		})
	}
}

// Whoever interrupts it must not wait for the interval.
func TestPlainEndsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		o := plainOptions(0)
		o.Interval = time.Hour
		began := time.Now()
		time.AfterFunc(time.Minute, cancel)
		err := Plain(ctx, &scripted{sample: busyNode()}, o, &bytes.Buffer{})
		if !errors.Is(err, context.Canceled) || time.Since(began) != time.Minute {
			t.Errorf("%v after %s", err, time.Since(began))
		}
	})
}

// Asked without a pause, the daemon would have no time for its logs.
func TestIntervalHasABound(t *testing.T) {
	t.Parallel()
	for _, interval := range []time.Duration{0, -time.Second, time.Millisecond} {
		o := plainOptions(1)
		o.Interval = interval
		source := &scripted{sample: busyNode()}
		if err := Plain(t.Context(), source, o, &bytes.Buffer{}); err == nil || source.looks > 0 {
			t.Errorf("interval %s: %v, %d looks", interval, err, source.looks)
		}
		if err := Live(t.Context(), source, o.Options, strings.NewReader(""), &bytes.Buffer{}); err == nil || source.looks > 0 {
			t.Errorf("interval %s, live: %v, %d looks", interval, err, source.looks)
		}
	}
}
