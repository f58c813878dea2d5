package statuspage

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/cri-logshim/cri-logshim/admin/api"
	"github.com/cri-logshim/cri-logshim/admin/page/pagetest"
)

// rowNames are the logs in the order in which they stand.
const rowNames = `#rows > tr:not(.details) .title`

// Five hundred logs are all there, each with its figures, in any order that is asked for.
func TestShowsAndSortsEveryLog(t *testing.T) {
	const many = 500
	n := serve(t, pagetest.Many(many))
	n.StopAfter(0)
	b := newBrowser(t, desk())
	b.open(n.url())
	if rows := b.texts(rowNames); len(rows) != many {
		t.Fatalf("%d rows of %d", len(rows), many)
	}
	if found := b.text("#found"); found != "500" {
		t.Errorf("it says that there are %q logs", found)
	}
	logs, err := n.Logs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range map[string]func(api.Log) string{
		"name":      func(l api.Log) string { return l.Namespace + "/" + l.Pod },
		"state":     func(l api.Log) string { return l.State },
		"rate":      func(l api.Log) string { return fmt.Sprintf("%020d", l.BytesPerSecond) },
		"current":   func(l api.Log) string { return fmt.Sprintf("%020d", *l.CurrentBytes) },
		"disk":      func(l api.Log) string { return fmt.Sprintf("%020d", *l.DiskBytes) },
		"files":     func(l api.Log) string { return fmt.Sprintf("%020d", *l.Files) },
		"rotations": func(l api.Log) string { return fmt.Sprintf("%020d", l.Rotations) },
		"last":      func(l api.Log) string { return l.LastWrite.String() },
	} {
		values := map[string]string{}
		for _, l := range logs.Logs {
			values[l.Namespace+"/"+l.Pod] = value(l)
		}
		for range 2 { // one direction, and the other
			b.click(`th[data-key="` + key + `"] button`)
			direction := eval[string](b, `document.querySelector('th[data-key="`+key+`"]').getAttribute('aria-sort')`)
			var got []string
			for _, row := range b.texts(rowNames) {
				name, _, _ := strings.Cut(row, " ")
				got = append(got, values[name])
			}
			if direction == "descending" {
				slices.Reverse(got)
			}
			if !slices.IsSorted(got) || (direction != "ascending" && direction != "descending") {
				t.Errorf("the logs by %s are not %s", key, direction)
			}
			if marked := eval[int](b, `document.querySelectorAll('[aria-sort]').length`); marked != 1 {
				t.Errorf("%d headers say that they sort", marked)
			}
		}
	}
}

// What is searched for and chosen is what is left, of logs and of events, and a reload keeps it.
func TestSearch(t *testing.T) {
	n := serve(t, pagetest.Sample())
	b := newBrowser(t, desk())
	b.open(n.url())
	b.until(`document.querySelectorAll('#events li').length === 4`)

	b.choose("search", "  API  shop ")
	b.until(`document.getElementById('found').textContent === '2 of 13'`)
	if rows := b.texts(rowNames); len(rows) != 2 || !strings.HasPrefix(rows[0], "shop/api-74f9c6d5b8-qk7zt") || !strings.HasPrefix(rows[1], "shop/api-74f9c6d5b8-qk7zt") {
		t.Errorf("found %q", rows)
	}
	if text := b.text("#events-none"); text != "No event matches." || len(b.texts("#events li")) > 0 {
		t.Errorf("of the events it says %q", text)
	}
	b.choose("search", "postgres")
	if events := b.texts("#events li"); len(events) != 1 || !strings.Contains(events[0], "no space left on device") {
		t.Errorf("events that were found: %q", events)
	}
	b.choose("search", ".*[")
	if text := b.text("#none"); text != "No log matches." {
		t.Errorf("of the logs it says %q", text)
	}
	b.choose("search", "")
	for which, want := range map[string]int{"all": 13, "growing": 10, "trouble": 1, "unmanaged": 1} {
		b.choose("which", which)
		if rows := b.texts(rowNames); len(rows) != want {
			t.Errorf("%s: %q", which, rows)
		}
	}

	b.choose("which", "growing")
	b.choose("search", "shop")
	b.click(`th[data-key="name"] button`)
	before := b.texts(rowNames)
	b.must(chromedp.Reload())
	b.until(`document.documentElement.classList.contains('live')`)
	if after := b.texts(rowNames); !slices.Equal(before, after) || len(after) != 3 {
		t.Errorf("before the reload there were %q, after it %q", before, after)
	}
}

// The details of a log hold what its row has no place for, and stay open while it changes.
func TestDetails(t *testing.T) {
	n := serve(t, pagetest.Sample())
	b := newBrowser(t, desk())
	b.open(n.url())
	b.choose("search", "postgres")
	b.click(`#rows tr:not([hidden]) button.title`)
	for _, text := range []string{
		"Namespace\ndata", "no space left on device", "rotated at 10.0 MiB, at most 5 files, compressed with gzip, removed with the pod",
		"/var/log/pods/data_postgres-0_", "cri-logshim logs ",
	} {
		if details := b.text(".details"); !strings.Contains(details, text) {
			t.Errorf("the details lack %q:\n%s", text, details)
		}
	}
	steps := n.Steps()
	n.ChangeLogs(func(logs []api.Log) []api.Log {
		for i := range logs {
			if logs[i].Pod == "postgres-0" {
				logs[i].LastError = "another error"
			}
		}
		return logs
	})
	b.until(`document.querySelector('.details').innerText.includes('another error')`)
	if n.Steps() == steps {
		t.Error("the page changes without asking")
	}
	b.click(`#rows tr:not([hidden]) button.title`)
	if open := eval[int](b, `document.querySelectorAll('.details').length`); open != 0 {
		t.Errorf("%d details are open after they were closed", open)
	}
}

// A row that somebody is at stays where it is, however the rates go, until he has left it.
func TestRowsDoNotMoveAwayFromAFocus(t *testing.T) {
	n := serve(t, pagetest.New(pagetest.Log("a", "first", "app", 2000), pagetest.Log("a", "second", "app", 1000)))
	b := newBrowser(t, desk())
	b.open(n.url())
	eval[bool](b, `(document.querySelectorAll('button.title')[1].focus(), true)`)
	n.ChangeLogs(func(logs []api.Log) []api.Log {
		logs[1].BytesPerSecond = 1 << 20
		return logs
	})
	b.until(`document.querySelector('#rows tr:nth-child(2) [data-f=rate]').textContent.includes('MiB/s')`)
	if rows := b.texts(rowNames); rows[0] != "a/first app" {
		t.Errorf("the rows are %q while the second has the focus", rows)
	}
	if !eval[bool](b, `document.activeElement.innerText.includes('second')`) {
		t.Error("the focus has gone elsewhere")
	}
	b.press(kb.Tab)
	b.until(`document.querySelector('#rows .title').innerText.includes('second')`)
}
