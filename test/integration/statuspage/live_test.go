package statuspage

import (
	"strings"
	"testing"

	"github.com/cri-logshim/cri-logshim/admin/api"
	"github.com/cri-logshim/cri-logshim/admin/page/pagetest"
)

// What changes on the node changes on the page, which is not loaded again.
func TestFollowsTheNode(t *testing.T) {
	n := serve(t, pagetest.Sample())
	b := newBrowser(t, desk())
	b.open(n.url())
	eval[bool](b, `window.same = true`)

	t.Log("rates have a line, and figures change")
	b.until(`(document.querySelector('#rate-spark polyline').getAttribute('points') ?? '').split(' ').length > 5`)
	before := b.text("#rotations")
	b.until(`document.getElementById('rotations').textContent !== '` + before + `'`)

	t.Log("a log comes, another goes")
	n.ChangeLogs(func(logs []api.Log) []api.Log {
		return append(logs[1:], pagetest.Log("new", "late-0", "app", 1<<30))
	})
	b.until(`document.querySelector('#rows .title').innerText.startsWith('new/late-0')`)
	if rows := strings.Join(b.texts(rowNames), "\n"); strings.Contains(rows, "coredns") || strings.Count(rows, "\n") != 12 {
		t.Errorf("the rows are\n%s", rows)
	}

	t.Log("an event comes, and is said again")
	n.Say(api.Event{Level: "warning", Reason: "OtherRotator", Message: "somebody else rotates", Pod: "late-0"})
	b.until(`document.querySelector('#events li').innerText.includes('somebody else rotates')`)
	n.Say(api.Event{Level: "warning", Reason: "OtherRotator", Message: "somebody else rotates", Pod: "late-0", Count: 2})
	b.until(`document.querySelector('#events li').innerText.includes('× 2')`)
	if events := b.texts("#events li"); len(events) != 5 {
		t.Errorf("the events are %q", events)
	}
	b.click("#grave")
	if events := b.texts("#events li"); len(events) != 3 {
		t.Errorf("warnings and errors are %q", events)
	}

	t.Log("the node gets into trouble, and out of it")
	n.Change(func(node *api.Node) {
		node.Reasons = []string{"no connection to the runtime"}
		node.Disk.Pressure = "1 GiB too much"
		node.Disk.FreeBytes = new(int64(1))
	})
	b.until(`document.getElementById('state').textContent === 'Not ready'`)
	for selector, text := range map[string]string{"#reasons": "no connection to the runtime", "#pressure": "1 GiB too much", "#bounds": "1 B free, at least 12.0 GiB"} {
		if got := b.text(selector); !strings.Contains(got, text) {
			t.Errorf("%s is %q", selector, got)
		}
	}
	if width := eval[string](b, `document.querySelector('#bounds .fill.full').getAttribute('width')`); width != "100" {
		t.Errorf("the bar of a broken bound is %s %% long", width)
	}
	n.Change(func(node *api.Node) { node.Reasons, node.Disk.Pressure = nil, "" })
	b.until(`document.getElementById('state').textContent === 'Ready' && !document.getElementById('trouble').checkVisibility()`)

	t.Log("another process of another version")
	n.Change(func(node *api.Node) { node.Version = "v0.2.0" })
	n.Restart()
	n.Say(api.Event{Level: "info", Reason: "Serving", Message: "the first of the new process"})
	b.until(`document.getElementById('events').textContent.includes('the first of the new process')`)
	if events := eval[int](b, `document.querySelectorAll('#events li').length`); events != 1 {
		t.Errorf("%d events, of which the new process has said one", events)
	}
	if text := b.text("#renewed"); !strings.Contains(text, "This page is the one of v0.1.0") {
		t.Errorf("of the new version it says %q", text)
	}
	if !eval[bool](b, `window.same === true`) {
		t.Error("the page was loaded again")
	}
}

// While the daemon is away the page says so, and since when; it goes on when the daemon is back.
// Those who hear the page are told of both, and of nothing else.
func TestDaemonAwayAndBack(t *testing.T) {
	n := serve(t, pagetest.Sample())
	b := newBrowser(t, desk())
	b.open(n.url())
	eval[bool](b, `(window.said = [], new MutationObserver(() => said.push(document.getElementById('say').textContent)).observe(
		document.getElementById('say'), { childList: true, characterData: true, subtree: true }), true)`)
	steps := n.Steps()
	b.until(`document.querySelector('#rate-spark polyline').points.length > 10`)
	if n.Steps() == steps {
		t.Fatal("the page does not ask")
	}

	n.stop()
	b.until(`document.getElementById('state').textContent === 'No answer'`)
	seen := b.text("#seen")
	if text := b.text("#away"); !strings.Contains(text, "There is no connection. What is shown is from "+seen) {
		t.Errorf("while the daemon is away, since %s, it says %q", seen, text)
	}
	if rows := b.texts(rowNames); len(rows) != 13 {
		t.Errorf("while the daemon is away there are %d logs", len(rows))
	}

	n.start()
	b.until(`document.getElementById('state').textContent === 'Ready' && !document.getElementById('away').checkVisibility()`)
	n.Say(api.Event{Level: "info", Message: "said after the return"})
	b.until(`document.getElementById('events').textContent.includes('said after the return')`)
	said := strings.Join(eval[[]string](b, `said`), "|")
	if said != "The daemon does not answer.|The daemon answers again." {
		t.Errorf("those who hear the page were told %q", said)
	}
	b.forgive("net::ERR_")
}

// A page that nobody looks at asks nothing: it waits to be looked at again, with both of its
// questions.
func TestHiddenPageRests(t *testing.T) {
	n := serve(t, pagetest.Sample())
	b := newBrowser(t, desk())
	b.open(n.url())
	eval[bool](b, `(() => {
		window.waiting = 0;
		const add = document.addEventListener.bind(document);
		document.addEventListener = (type, ...rest) => { if (type === 'visibilitychange') waiting++; add(type, ...rest); };
		Object.defineProperty(document, 'hidden', { configurable: true, get: () => true });
		return true;
	})()`)
	n.Say(api.Event{Level: "info", Message: "ends the question for events"})
	b.until(`waiting === 2`)
	steps, seen := n.Steps(), b.text("#seen")
	eval[bool](b, `(delete document.hidden, true)`)
	if n.Steps() != steps {
		t.Error("the page asks while it is hidden")
	}
	eval[bool](b, `document.dispatchEvent(new Event('visibilitychange'))`)
	b.until(`document.getElementById('seen').textContent !== '` + seen + `'`)
}
