package logcmd_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/cri-logshim/cri-logshim/exitcode"
	"github.com/cri-logshim/cri-logshim/logmgr/logline"
	"github.com/cri-logshim/cri-logshim/logreader"
	"github.com/cri-logshim/cri-logshim/logreader/logcmd"
)

// names is a source that knows what there is and holds no byte of it.
type names struct {
	logreader.Source
	containers map[logreader.Pod][]string
	last       map[logreader.Pod]time.Time
	ended      map[logreader.Pod]bool
	ids        []logreader.Identified
}

func (n names) Pods(context.Context) ([]logreader.Pod, error) {
	var all []logreader.Pod
	for p := range n.containers {
		all = append(all, p)
	}
	return all, nil
}

func (n names) Containers(_ context.Context, p logreader.Pod) ([]string, error) {
	return n.containers[p], nil
}

func (n names) Files(_ context.Context, c logreader.Container) (logreader.Listing, error) {
	if n.last[c.Pod].IsZero() {
		return logreader.Listing{}, fs.ErrNotExist
	}
	return logreader.Listing{Files: []logreader.File{{LastWrite: n.last[c.Pod]}}, Ended: n.ended[c.Pod]}, nil
}

func (n names) ByID(_ context.Context, prefix string) (found []logreader.Identified, err error) {
	for _, one := range n.ids {
		if strings.HasPrefix(one.ID, prefix) {
			found = append(found, one)
		}
	}
	return found, nil
}

func pod(namespace, name, uid string) logreader.Pod {
	return logreader.Pod{Namespace: namespace, Name: name, UID: uid}
}

func TestChoose(t *testing.T) {
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	dead, gone, live := pod("shop", "db-0", "u1"), pod("shop", "db-0", "u2"), pod("shop", "db-0", "u3")
	web, twin := pod("shop", "web", "u4"), pod("other", "web", "u5")
	src := names{
		containers: map[logreader.Pod][]string{
			dead: {"db"}, gone: {"db"}, live: {"db"}, web: {"sidecar", "app"}, twin: {"app"}, pod("shop", "abc", "u6"): {"x"},
		},
		last:  map[logreader.Pod]time.Time{dead: now.Add(-time.Hour), gone: now.Add(time.Hour), live: now},
		ended: map[logreader.Pod]bool{dead: true, gone: true},
		ids: []logreader.Identified{
			{Container: logreader.Container{Pod: web, Name: "app"}, ID: "abcd01"},
			{Container: logreader.Container{Pod: web, Name: "app"}, ID: "abcd02", Attempt: 1},
			{Container: logreader.Container{Pod: web, Name: "sidecar"}, ID: "abcd1"},
			{Container: logreader.Container{Pod: web, Name: "sidecar"}, ID: "abc"},
		},
	}
	for _, test := range []struct {
		line string // of arguments and flags
		want string // containers, or what the error says
		code exitcode.Code
	}{
		{"other/web", "other/web/u5/app", 0},
		{"web -n other", "other/web/u5/app", 0},
		{"pod/web -n other", "other/web/u5/app", 0},
		{"shop/web/app", "shop/web/u4/app", 0},
		{"shop/web -c sidecar", "shop/web/u4/sidecar", 0},
		{"shop/web --all-containers", "shop/web/u4/app shop/web/u4/sidecar", 0},
		{"shop/web", "choose one of app, sidecar", exitcode.Usage},
		{"shop/web/none", "it has those of app, sidecar", exitcode.NotFound},
		{"web", "say which of other/web, shop/web", exitcode.Usage},
		{"web --uid u5", "other/web/u5/app", 0},
		{"web --uid u", "say which of other/web, shop/web", exitcode.Usage},
		{"db-0", "shop/db-0/u3/db", 0}, // what is still there, before what was written to last
		{"db-0 --uid u1", "shop/db-0/u1/db", 0},
		{"db-0 --uid u", "begin with u:", exitcode.Usage},
		{"db-0 --uid x", "there are ", exitcode.NotFound},
		{"db-1", "did you mean shop/db-0?", exitcode.NotFound},
		{"shop/WEB", "did you mean other/web or shop/web?", exitcode.NotFound},
		{"nothing-like-that", "there is no log of pod nothing-like-that", exitcode.NotFound},
		{"0123456789ab", "there is no log of pod 0123456789ab, nor of a container whose id begins with that", exitcode.NotFound},
		{"abc", "shop/abc/u6/x", 0}, // a pod's name comes before an id
		{"abcd0", "shop/web/u4/app", 0},
		{"containerd://abcd1", "shop/web/u4/sidecar", 0},
		{"abcd", "the ids of several containers begin with abcd", exitcode.Usage},
		{"-l app=web --all-containers", "other/web/u5/app shop/web/u4/app shop/web/u4/sidecar", 0},
		{"-l app=web -n shop -c app", "shop/web/u4/app", 0},
		{"-l app=none", "no log of a pod with these labels", exitcode.NotFound},
		{"-l app=web web", "not both", exitcode.Usage},
		{"", "name one pod", exitcode.Usage},
		{"a b", "name one pod", exitcode.Usage},
		{"shop//app", "must be pod, namespace/pod", exitcode.Usage},
		{"a/b/c/d", "must be pod, namespace/pod", exitcode.Usage},
		{"shop/web -n other", "--namespace names other", exitcode.Usage},
		{"shop/web/app -c sidecar", "--container names sidecar", exitcode.Usage},
		{"shop/web/app --all-containers", "leave one out", exitcode.Usage},
	} {
		got, err := choose(t, src, test.line, func(context.Context) ([]logcmd.LabelledPod, error) {
			app := map[string]string{"app": "web"}
			return []logcmd.LabelledPod{{Pod: twin, Labels: app}, {Pod: web, Labels: app}, {Pod: web, Labels: app}, {Pod: live}}, nil
		})
		if err != nil {
			got = err.Error()
		}
		if test.code == 0 && got != test.want || !strings.Contains(got, test.want) || exitcode.Of(logcmd.Coded(err)) != test.code {
			t.Errorf("%q: %q with code %d, want %q with code %d", test.line, got, exitcode.Of(logcmd.Coded(err)), test.want, test.code)
		}
	}
}

func choose(t *testing.T, src names, line string, labels func(context.Context) ([]logcmd.LabelledPod, error)) (string, error) {
	t.Helper()
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	f := logcmd.AddFlags(flags)
	if err := flags.Parse(strings.Fields(line)); err != nil {
		t.Fatal(err)
	}
	w, err := f.Wanted(flags.Args())
	if err != nil {
		return "", err
	}
	c := &logcmd.Chooser{Source: src, Labels: labels}
	chosen, err := c.Choose(t.Context(), w)
	var all []string
	for _, c := range chosen {
		all = append(all, fmt.Sprintf("%s/%s/%s/%s", c.Namespace, c.Pod.Name, c.UID, c.Name))
	}
	return strings.Join(all, " "), err
}

func TestOptions(t *testing.T) {
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	for line, check := range map[string]func(o logreader.Options) bool{
		"":                                  func(o logreader.Options) bool { return o.Tail == logreader.All && o.Since.IsZero() && o.Attempt == nil },
		"--tail 0":                          func(o logreader.Options) bool { return o.Tail == 0 },
		"-l a":                              func(o logreader.Options) bool { return o.Tail == 10 },
		"-l a --tail=-1":                    func(o logreader.Options) bool { return o.Tail == logreader.All },
		"--since 90m":                       func(o logreader.Options) bool { return now.Sub(o.Since) == 90*time.Minute },
		"--since 2026-01-30T12:00:00Z":      func(o logreader.Options) bool { return now.Sub(o.Since) == 24*time.Hour },
		"--since-time 2026-01-30T12:00:00Z": func(o logreader.Options) bool { return now.Sub(o.Since) == 24*time.Hour },
		"--until 1h":                        func(o logreader.Options) bool { return now.Sub(o.Until) == time.Hour },
		"--attempt 0":                       func(o logreader.Options) bool { return o.Attempt != nil && *o.Attempt == 0 },
		"--stream stderr -f -p":             func(o logreader.Options) bool { return o.Stream == logline.Stderr && o.Follow && o.Previous },
	} {
		if o, err := optionsOf(t, line, now); err != nil || !check(o) {
			t.Errorf("%q: %+v, %v", line, o, err)
		}
	}
	for _, line := range []string{
		"--tail=-2", "--since 1h --since-time 2026-01-30T12:00:00Z", "--since-time 1h", "--since=-1h", "--since x", "--until 2026-01-31",
		"--stream x", "--previous --attempt 1", "--since 1h --until 2h",
	} {
		_, err := optionsOf(t, line, now)
		if _, ok := errors.AsType[*logcmd.UsageError](err); !ok {
			t.Errorf("%q: %v, want an error of usage", line, err)
		}
	}
}

func optionsOf(t *testing.T, line string, now time.Time) (logreader.Options, error) {
	t.Helper()
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	f := logcmd.AddFlags(flags)
	if err := flags.Parse(strings.Fields(line)); err != nil {
		t.Fatal(err)
	}
	return f.Options(now)
}

func TestSelector(t *testing.T) {
	labels := map[string]string{"app": "web", "tier": "front", "empty": ""}
	for text, want := range map[string]bool{
		"app=web": true, "app==web": true, "app=db": false, "app!=db": true, "app!=web": false, "none!=x": true,
		"app": true, "none": false, "!app": false, "!none": true, "empty": true, "empty=": true,
		"app in (db, web)": true, "app in (db)": false, "app notin (db)": true, "none notin (db)": true, "none in (db)": false,
		"app=web,tier=front": true, "app in (web,db),tier=back": false, "app=web, !none ,tier": true,
	} {
		s, err := logcmd.ParseSelector(text)
		if err != nil || s.Matches(labels) != want {
			t.Errorf("%q: %v, %v, want %v", text, s.Matches(labels), err, want)
		}
	}
	for _, text := range []string{"", "a,,b", "=x", "a in x", "a in (x", "a of (x)", "a b", "a=b c", "a=(b)", "a in (b c)"} {
		if s, err := logcmd.ParseSelector(text); err == nil {
			t.Errorf("%q is taken for %v", text, s)
		}
	}
}

// Whatever is typed, a selector that is taken says something definite of any labels.
func FuzzSelector(f *testing.F) {
	for _, text := range []string{"a=b", "a in (b,c),!d", "a notin (b)", "((", "a=b)"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := logcmd.ParseSelector(text)
		if err != nil {
			return
		}
		if len(s) == 0 {
			t.Errorf("%q is taken for a selector of everything", text)
		}
		if s.Matches(nil) && !slices.ContainsFunc(strings.Split(text, ","), func(part string) bool {
			return strings.Contains(part, "!") || strings.Contains(part, "notin")
		}) {
			t.Errorf("%q matches what has no labels", text)
		}
	})
}
