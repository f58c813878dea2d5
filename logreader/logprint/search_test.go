package logprint

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/cri-logshim/cri-logshim/logreader"
)

// optionsOf are the options that a command line asks for.
func optionsOf(t *testing.T, args ...string) Options {
	t.Helper()
	o, err := parse(args...)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func parse(args ...string) (Options, error) {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	f := AddFlags(flags)
	if err := flags.Parse(args); err != nil {
		return Options{}, err
	}
	return f.Options(&bytes.Buffer{}, func(string) string { return "" })
}

// GNU grep is right about which lines are shown, and where groups of them are kept apart,
// whatever is asked for.
func TestSearchIsGrep(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	file := filepath.Join(t.TempDir(), "log")
	for range 100 {
		var text strings.Builder
		var lines []logreader.Line
		for n := range r.IntN(40) {
			line := fmt.Sprintf("%s%d", []string{"", "x", "Needle ", "needle", "hay|stack", "needle|hay"}[r.IntN(6)], n)
			lines = append(lines, piecesOf(web, line)...)
			text.WriteString(strings.ReplaceAll(line, "|", "") + "\n")
		}
		if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		var flags []string
		for _, flag := range []string{"-v", "-i", "-A", "-B", "-C"} {
			if r.IntN(3) > 0 {
				continue
			}
			flags = append(flags, flag)
			if flag[1] < 'a' {
				flags = append(flags, fmt.Sprint(r.IntN(4)))
			}
		}
		ours, theirs := flags, append([]string{"-a", "-E"}, flags...)
		for n := range 1 + r.IntN(2) {
			pattern := []string{"needle", "^$|y", "k1?[05]$", "", "(x|Needle )[0-9]"}[r.IntN(5-n)]
			ours, theirs = append(slices.Clip(ours), "--grep", pattern), append(theirs, "-e", pattern)
		}
		want := grep(t, append(theirs, file))
		if got := printed(t, optionsOf(t, ours...), lines...); got != want {
			t.Fatalf("with %q\n%s\nbecomes\n%s\nand with grep\n%s", ours, text.String(), got, want)
		}
	}
}

func grep(t *testing.T, args []string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "grep", args...)
	cmd.Env = []string{"LC_ALL=C", "PATH=" + os.Getenv("PATH")}
	out, err := cmd.Output()
	if failed, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || failed.ExitCode() != 1) { // 1: nothing was found
		t.Fatalf("grep %q: %v", args, err)
	}
	return string(out)
}

// Each container is searched for itself, also across its restarts.
func TestSearchKeepsContainersApart(t *testing.T) {
	restarted := *web
	restarted.Attempt++
	lines := []logreader.Line{
		lineOf(web, "before"), lineOf(side, "other"), lineOf(&restarted, "needle"), lineOf(side, "other"), lineOf(&restarted, "after"), lineOf(side, "needle of side"),
	}
	got := printed(t, optionsOf(t, "--grep=needle", "-C1", "--prefix"), lines...)
	want := "[pod/web-0/app] before\n[pod/web-0/app] needle\n[pod/web-0/app] after\n--\n[pod/web-0/side] other\n[pod/web-0/side] needle of side\n"
	if got != want {
		t.Errorf("is shown as\n%s, want\n%s", got, want)
	}
	got = printed(t, optionsOf(t, "--grep=^needle$", "-C1", "-o=json"), lines...)
	if strings.Contains(got, "--") || strings.Count(got, `"context":true`) != 2 || strings.Count(got, "\n") != 3 {
		t.Errorf("as JSON it is\n%s", got)
	}
}

// A line is looked at as a whole, though it comes in pieces, and all of it is shown, also what is
// not searched.
func TestSearchInPieces(t *testing.T) {
	half := strings.Repeat("x", searchLimit/2)
	for text, found := range map[string]bool{
		"ne|edle": true, "n|e|e|d|le|": true, "ne|ede": false,
		half + "ne|edle" + half + "|" + half + "|end":             true,
		half + "|" + half + "|needle":                             false,
		half + half + half + "|needle":                            false,
		half + "need" + half[:searchLimit/2-6] + "|needle|needle": false,
	} {
		lines := piecesOf(web, text)
		want, inverted := "", strings.ReplaceAll(text, "|", "")+"\n"
		if found {
			want, inverted = inverted, want
		}
		if got := printed(t, optionsOf(t, "--grep=needle"), lines...); got != want {
			t.Errorf("%.20q: %d bytes are shown, want %d", text, len(got), len(want))
		}
		if got := printed(t, optionsOf(t, "--grep=needle", "-v"), lines...); got != inverted {
			t.Errorf("%.20q, inverted: %d bytes are shown, want %d", text, len(got), len(inverted))
		}
	}
}

func TestFoundIsMarked(t *testing.T) {
	for text, want := range map[string]string{
		"a needle, a Needle": "a \x1b[1;31mneedle\x1b[0m, a \x1b[1;31mNeedle\x1b[0m\n",
		"need|leedleedl":     "\x1b[1;31mneedleedl\x1b[0meedl\n",
		"none":               "",
	} {
		o := optionsOf(t, "-i", "--grep=needle", "--grep=edle+dl", "--grep=x*", "--color=always")
		if want == "" {
			want = text + "\n"
		}
		if got := printed(t, o, piecesOf(web, text)...); got != want {
			t.Errorf("%q is shown as %q, want %q", text, got, want)
		}
	}
}

func TestFlagsRefuse(t *testing.T) {
	for want, args := range map[string][]string{
		"--grep":       {"-A", "2"},
		"give one":     {"-v"},
		"needs a":      {"-i"},
		"missing":      {"--grep", "(x"},
		"unexpected )": {"-i", "--grep", "a)(b"},
		"output":       {"-o", "yaml"},
		"raw":          {"-o", "raw", "--timestamps"},
		"--color":      {"--color", "blue"},
		"invalid arg":  {"--grep=x", "-C", "-1"},
	} {
		if o, err := parse(args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q gives %+v, %v; want an error with %q", args, o, err, want)
		}
	}
}

// Who looks for something sees it when it is found, not when everything is searched.
func TestFoundIsShownAtOnce(t *testing.T) {
	o := optionsOf(t, "--grep=needle")
	o.Terminal = true
	var out bytes.Buffer
	p, err := New(&out, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"hay", "needle", "hay"} {
		if err := p.Print(lineOf(web, text)); err != nil {
			t.Fatal(err)
		}
	}
	if got := out.String(); got != "needle\n" {
		t.Errorf("on the screen is %q", got)
	}
}
