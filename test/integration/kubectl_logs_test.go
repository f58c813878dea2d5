package integration

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// fields are the arguments of a command line without quotes.
func fields(line string) []string { return strings.Fields(line) }

// logLine is a line of a log as the runtime has written it.
type logLine struct {
	at    time.Time
	value string // the content with its newline
}

// logLines reads one file of a log.
func logLines(file string) ([]logLine, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var lines []logLine
	for text := range strings.Lines(string(content)) {
		parts := strings.SplitN(text, " ", 4)
		if len(parts) != 4 || parts[2] != "F" {
			return nil, fmt.Errorf("%q has a line %.100q, which no writer of this test makes", file, text)
		}
		at, err := time.Parse(time.RFC3339Nano, parts[0])
		if err != nil {
			return nil, err
		}
		lines = append(lines, logLine{at, parts[3]})
	}
	return lines, nil
}

// lastLog waits until the current file of an attempt of a container holds a last line of each
// of the streams that the container writes to, and returns what is in it.
func (n *kubectlNode) lastLog(t *testing.T, pod, container string, attempt int, last string, streams int) []logLine {
	t.Helper()
	file := n.logFile(t, pod, container, attempt)
	var lines []logLine
	eventually(t, func(context.Context) error {
		var err error
		if lines, err = logLines(file); err != nil {
			return err
		}
		if ended := strings.Count(contents(lines), last); ended != streams {
			return fmt.Errorf("%q has %d lines, %d of %d last ones among them", file, len(lines), ended, streams)
		}
		return nil
	})
	return lines
}

// text is what kubectl shows of lines, with something before each.
func text(lines []logLine, before func(logLine) string) string {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(before(l) + l.value)
	}
	return b.String()
}

// stamped has nine digits of a second, where the runtime leaves the last zeros out.
func stamped(l logLine) string { return l.at.Format("2006-01-02T15:04:05.000000000Z07:00 ") }

func bareLine(logLine) string     { return "" }
func contents(l []logLine) string { return text(l, bareLine) }
func since(l []logLine, from time.Time) []logLine {
	for n := range l {
		if !l[n].at.Before(from) {
			return l[n:]
		}
	}
	return nil
}

// stillLogs waits until the containers of the still pod have written their last line, and
// returns what their current files hold.
func (n *kubectlNode) stillLogs(t *testing.T, w way) (small, rotated []logLine) {
	t.Helper()
	pod := string(w) + "still"
	n.kubectl(t, "exec "+pod+" -c rotated -- touch /tmp/say")
	return n.lastLog(t, pod, "small", 0, " done 500\n", 2), n.lastLog(t, pod, "rotated", 0, "said\n", 1)
}

// checkLogs compares what kubectl shows of a log that has come to an end with the file.
func (n *kubectlNode) checkLogs(t *testing.T, w way) {
	t.Helper()
	small, rotated := n.stillLogs(t, w)
	if len(small) != 1002 {
		t.Errorf("a writer of two times 500 lines and two last ones has left %d", len(small))
	}
	files := len(rotatedNames(t, n.logFile(t, string(w)+"still", "rotated", 0)))
	if (files >= 5) != (w == throughShim) {
		t.Errorf("the log of three megabytes has %d rotated files", files)
	}
	logs := "logs " + string(w) + "still "
	middle := small[len(small)/2].at.Truncate(time.Second)
	for flags, want := range map[string]string{
		"-c small":                    contents(small),
		"-c rotated":                  contents(rotated),
		"-c small --timestamps":       text(small, stamped),
		"-c small --tail=7":           contents(small[len(small)-7:]),
		"-c small --tail=0":           "",
		"-c rotated --tail=3":         contents(rotated[len(rotated)-3:]),
		"-c small --since=1h":         contents(small),
		"-c small --limit-bytes=1000": contents(small)[:1000],
		"-c small --since-time=" + middle.Format(time.RFC3339): contents(since(small, middle)),
	} {
		if got := n.kubectl(t, logs+flags); got != want {
			t.Errorf("kubectl %s%s: it shows other than what is in the file: %s", logs, flags, difference(got, want))
		}
	}
	got := n.kubectl(t, logs+"--all-containers --prefix")
	one, other := text(small, prefix(w, "small")), text(rotated, prefix(w, "rotated"))
	if got != one+other && got != other+one { // kubectl takes the containers in any order
		t.Errorf("kubectl %s--all-containers --prefix: it shows other than what is in the files: %s", logs, difference(got, one+other))
	}
	if part := since(small, middle); len(part) == 0 || len(part) == len(small) {
		t.Errorf("%d of %d lines are from %v on, so this tells nothing of --since-time", len(part), len(small), middle)
	}
}

func prefix(w way, container string) func(logLine) string {
	return func(logLine) string { return fmt.Sprintf("[pod/%sstill/%s] ", w, container) }
}

// readLogs is what kubectl shows of logs to which nobody writes, by command.
func (n *kubectlNode) readLogs(t *testing.T, w way) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, of := range []string{"still -c small", "still -c rotated", "crashing --previous", "crashing", "followed"} {
		for _, flags := range []string{"", "--timestamps", "--tail=11", "--since=2h", "--limit-bytes=4321"} {
			command := "logs " + string(w) + of + " " + flags
			found[command] = n.kubectl(t, command)
		}
	}
	return found
}

// checkPrevious lets a container exit and looks at the log of the attempt before.
func (n *kubectlNode) checkPrevious(t *testing.T, w way) {
	t.Helper()
	pod := string(w) + "crashing"
	n.kubectl(t, "exec "+pod+" -- touch /tmp/say /tmp/end")
	status := n.waitReady(t, pod, 1)
	if last := status.Status.ContainerStatuses[0].LastState.Terminated; last == nil || last.ExitCode != 7 {
		t.Errorf("of the first attempt the API server knows %+v", last)
	}
	n.kubectl(t, "exec "+pod+" -- touch /tmp/say")
	current := n.lastLog(t, pod, testbed.AppContainer, 1, "said\n", 1)
	previous := n.lastLog(t, pod, testbed.AppContainer, 0, "said\n", 1)
	for flags, want := range map[string]string{
		"--previous --timestamps": text(previous, stamped),
		"--previous --tail=5":     contents(previous[max(0, len(previous)-5):]),
		"--timestamps":            text(current, stamped),
	} {
		if got := n.kubectl(t, "logs "+pod+" "+flags); got != want {
			t.Errorf("kubectl logs %s: it shows other than what is in the file: %s", flags, difference(got, want))
		}
	}
}

// checkFollow follows a log from its first line to its last: kubectl shows every line once
// and in order across rotations.
func (n *kubectlNode) checkFollow(t *testing.T, w way) {
	t.Helper()
	pod := string(w) + "followed"
	ctx, cancel := context.WithTimeout(t.Context(), commandTime)
	defer cancel()
	lines, err := n.follow(ctx, pod, func() error {
		n.kubectl(t, "exec "+pod+" -- touch /tmp/go")
		return nil
	})
	if err != nil {
		t.Errorf("after %d lines: %v", lines, err)
	}
	files := len(rotatedNames(t, n.logFile(t, pod, testbed.AppContainer, 0)))
	if (files >= 4) != (w == throughShim) {
		t.Errorf("the log of three megabytes has %d rotated files", files)
	}
	t.Logf("%d lines across %d rotations", lines, files)
}

// errCut is that a log that was followed was not shown to its end. What is shown is whole.
var errCut = errors.New("the log is not shown to its end")

// follow shows the log of a container that says "ready" and then, once begin has told it
// to, numbered lines. It ends after the last of them and returns their number.
func (n *kubectlNode) follow(ctx context.Context, pod string, begin func() error) (lines uint64, err error) {
	cmd := n.Kubectl(ctx, "logs", "-f", pod)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	output, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	var count numbered
	in := bufio.NewReader(output)
	first, err := in.ReadString('\n')
	if err == nil && first == "ready\n" {
		err = begin()
	}
	for err == nil && !count.ended {
		var line string
		if line, err = in.ReadString('\n'); err == nil || line != "" {
			err = errors.Join(err, count.add(line))
		}
	}
	if errors.Is(err, io.EOF) {
		err = errCut
	}
	_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	_, _ = io.Copy(io.Discard, in)          // up to its end
	_ = cmd.Wait()                          // by the signal
	if err != nil {
		err = fmt.Errorf("kubectl logs -f: %w, it says %q", err, &stderr)
	}
	return count.last, err
}

// numbered counts the lines of a seqwriter's stdout.
type numbered struct {
	last  uint64
	ended bool // the writer's last line was there
}

// add takes the next line. That it is another one is an error, a *gap if it is a later one.
func (n *numbered) add(line string) error {
	fields := strings.Fields(line)
	if n.ended || len(fields) != 3 || fields[0] != "stdout" || !strings.HasSuffix(line, "\n") {
		return fmt.Errorf("after line %d comes %.200q", n.last, line)
	}
	number, err := strconv.ParseUint(fields[1], 10, 64)
	switch {
	case err == nil && number == n.last+1:
		n.last++
		return nil
	case err == nil && number > n.last:
		return &gap{n.last, number}
	case fields[1] == "done" && fields[2] == strconv.FormatUint(n.last, 10):
		n.ended = true
		return nil
	}
	return fmt.Errorf("after line %d comes %.200q", n.last, line)
}

// gap is where lines are missing.
type gap struct{ after, next uint64 }

func (g *gap) Error() string { return fmt.Sprintf("after line %d comes line %d", g.after, g.next) }
