package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/exitcode"
)

// layLogs lays the logs of two pods, one of which was removed, and returns the flags that name
// their directories.
func layLogs(t *testing.T) (dir string, flags []string) {
	t.Helper()
	dir = t.TempDir()
	write := func(name, text string) {
		t.Helper()
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		written := time.Date(2026, 1, 31, 12, 0, 3, 0, time.UTC) // as the records say
		if err := os.Chtimes(name, written, written); err != nil {
			t.Fatal(err)
		}
	}
	record := func(second, text string) string { return "2026-01-31T12:00:" + second + "Z stdout F " + text + "\n" }
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write([]byte(record("00", "one"))); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	write("pods/shop_web_u1/app/0.log.20260131-120001.000000000.gz", packed.String())
	write("pods/shop_web_u1/app/0.log", record("02", "two"))
	write("pods/shop_web_u1/app/1.log", record("03", "three")+"torn")
	write("pods/shop_web_u1/side/0.log", record("01", "between"))
	write("kept/shop_gone_u2/app/0.log", record("00", "\x1b[31mlast words"))
	write("pods/shop_bad_u3/app/0.log.20260131-120001.000000000.gz", "no gzip")
	write("pods/shop_bad_u3/app/0.log", record("02", "what is left"))
	if err := os.MkdirAll(dir+"/pods/shop_bare_u4/app", 0o755); err != nil {
		t.Fatal(err)
	}
	return dir, []string{"--pod-logs-dir", dir + "/pods", "--keep-dir", dir + "/kept", "--runtime-endpoint", "unix://" + dir + "/none.sock"}
}

func TestLogs(t *testing.T) {
	dir, flags := layLogs(t)
	for line, want := range map[string]struct {
		code exitcode.Code
		out  string
		says string // on stderr or as the error
	}{
		"shop/web/app":                               {0, "one\ntwo\nthree\ntorn\n", "in one place"},
		"shop/web/app --previous":                    {0, "one\ntwo\n", ""},
		"web -c app -f --until 2026-01-31T12:00:30Z": {0, "one\ntwo\nthree\ntorn\n", ""}, // and not only to the end of a file
		"shop/web/app --attempt 7":                   {exitcode.NotFound, "", "attempt"},
		"web --all-containers --stream stdout --until 2026-01-31T12:00:02Z": {0, "one\nbetween\ntwo\n", ""},
		"web -c side --previous":               {exitcode.NotFound, "", "attempt 0 only"},
		"gone":                                 {0, "\x1b[31mlast words\n", ""},
		"bare":                                 {exitcode.NotFound, "", "no file of the log of shop/bare/app"},
		"gone -o raw --tail 1":                 {0, "\x1b[31mlast words\n", ""},
		"web":                                  {exitcode.Usage, "", "choose one of app, side"},
		"wep":                                  {exitcode.NotFound, "", "did you mean shop/web?"},
		"bad":                                  {exitcode.Partly, "what is left\n", "read \"pods/0.log.20260131-120001.000000000.gz\""},
		"-l app=web":                           {exitcode.Unreachable, "", "only the runtime knows labels"},
		"abc123":                               {exitcode.NotFound, "", "the runtime was not asked"},
		"web --since x":                        {exitcode.Usage, "", "--since"},
		"web -o xml":                           {exitcode.Usage, "", "xml"},
		"web --grep (":                         {exitcode.Usage, "", "--grep"},
		"web --config " + dir + "/none -c app": {exitcode.Failed, "", "none"},
		"web --pod-logs-dir " + dir + "/none":  {exitcode.Failed, "", "podLogsDir in the configuration"},
	} {
		t.Run(line, func(t *testing.T) {
			var out, said strings.Builder
			root := newRootCommand()
			root.SetArgs(append(append([]string{"logs"}, flags...), strings.Fields(line)...))
			root.SetOut(&out)
			root.SetErr(&said)
			err := root.ExecuteContext(t.Context())
			code := exitcode.Of(err)
			if err != nil && !errors.Is(err, exitcode.ErrTold) {
				said.WriteString(err.Error())
			}
			if code != want.code || out.String() != want.out && want.code != exitcode.Partly || !strings.Contains(said.String(), want.says) || !strings.HasSuffix(out.String(), want.out) {
				t.Errorf("exit code %d, %q, %q; want %d, %q, %q", code, out.String(), said.String(), want.code, want.out, want.says)
			}
		})
	}
}

// signalling is an output that sends SIGINT to this process once it has the last line. What comes
// before that may be written at any number of times.
type signalling struct {
	text bytes.Buffer
	sent bool
}

func (s *signalling) Write(p []byte) (int, error) {
	s.text.Write(p)
	if s.sent || !strings.Contains(s.text.String(), "three\n") {
		return len(p), nil
	}
	s.sent = true
	return len(p), syscall.Kill(os.Getpid(), syscall.SIGINT)
}

// Whoever follows a log ends that with Ctrl-C, after all that there was has been shown.
func TestLogsInterrupted(t *testing.T) {
	_, flags := layLogs(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	root := newRootCommand()
	root.SetArgs(append([]string{"logs", "web", "-c", "app", "-f"}, flags...))
	var out signalling
	root.SetOut(&out)
	err := root.ExecuteContext(ctx)
	if !out.sent || !errors.Is(err, exitcode.ErrTold) || exitcode.Of(err) != exitcode.Interrupted {
		t.Errorf("ended with %v after %q, want exit code %d", err, out.text.String(), exitcode.Interrupted)
	}
}
