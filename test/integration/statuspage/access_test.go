package statuspage

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/cri-logshim/cri-logshim/admin/page/pagetest"
)

// heard is an element as programs tell of it that read the screen aloud.
type heard struct{ role, name string }

// listenTo returns what is told of the page, in order.
func (b *browser) listenTo() (all []heard) {
	b.t.Helper()
	tree, err := chromedp.Call(b.ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	if err != nil {
		b.t.Fatal(err)
	}
	text := func(v *accessibility.Value) (s string) {
		if v == nil || json.Unmarshal([]byte(v.Value), &s) != nil {
			return ""
		}
		return s
	}
	for _, node := range tree.Nodes {
		if !node.Ignored {
			all = append(all, heard{text(node.Role), text(node.Name)})
		}
	}
	return all
}

// Whoever hears the page instead of seeing it is told of the same: each control, table and part has
// a name, and no picture is read aloud.
func TestHeard(t *testing.T) {
	n := serve(t, inTrouble())
	b := newBrowser(t, desk())
	b.open(n.url())
	b.until(`document.querySelectorAll('#events li').length === 4`)
	all := b.listenTo()
	for _, h := range all {
		switch h.role {
		case "button", "searchbox", "combobox", "checkbox", "link", "table", "columnheader", "rowheader", "heading", "log", "region", "image":
			if h.name == "" {
				t.Errorf("a %s has no name", h.role)
			}
		case "graphics-document", "SvgRoot":
			t.Errorf("a drawing %q is told of, whose figures stand beside it", h.name)
		}
	}
	for _, want := range []heard{
		{"banner", ""},
		{"main", ""},
		{"contentinfo", ""},
		{"search", ""},
		{"heading", "cri-logshim worker-3"},
		{"heading", "Not all of the work is done"},
		{"heading", "Logs"},
		{"heading", "Events"},
		{"searchbox", "Search logs and events by namespace, pod or container"},
		{"combobox", "Which logs"},
		{"checkbox", "Warnings and errors only"},
		{"table", "The log of each container on the node. The headers sort it."},
		{"columnheader", "Write rate"},
		{"button", "Write rate"},
		{"rowheader", "batch/render-frames-7xk2p render"},
		{"button", "batch/render-frames-7xk2p render"},
		{"log", "Events"},
		{"link", "Skip to the logs"},
	} {
		if !slices.ContainsFunc(all, func(h heard) bool { return h.role == want.role && (want.name == "" || h.name == want.name) }) {
			t.Errorf("nothing is told of the %s %q", want.role, want.name)
		}
	}
	// Headings lead down by one level at a time.
	before := 0
	for _, level := range eval[[]int](b, `[...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].filter((e) => e.checkVisibility()).map((e) => Number(e.tagName[1]))`) {
		if level > before+1 || (before == 0) != (level == 1) {
			t.Errorf("a heading of level %d comes after one of level %d", level, before)
		}
		before = level
	}
	if doubled := eval[[]string](b, `[...document.querySelectorAll('[id]')].map((e) => e.id).filter((id, i, all) => all.indexOf(id) !== i)`); len(doubled) > 0 {
		t.Errorf("more than one element has the id %q", doubled)
	}
	for _, reference := range []string{"for", "aria-labelledby"} {
		if led := eval[[]string](b, fmt.Sprintf(`[...document.querySelectorAll('[%[1]s]')].flatMap((e) => e.getAttribute('%[1]s').split(' ')).filter((id) => !document.getElementById(id))`, reference)); len(led) > 0 {
			t.Errorf("%s leads to %q, which is not there", reference, led)
		}
	}
	if lang := eval[string](b, `document.documentElement.lang`); lang != "en" {
		t.Errorf("the language of the page is %q", lang)
	}
}

// Everything is done with the keyboard alone, in the order in which it is read, and it is to be
// seen where one is.
func TestKeyboard(t *testing.T) {
	n := serve(t, pagetest.Sample())
	n.StopAfter(0)
	b := newBrowser(t, desk())
	b.open(n.url())
	b.until(`document.querySelectorAll('#events li').length === 4`)
	var order []string
	for range 14 {
		b.press(kb.Tab)
		order = append(order, eval[string](b, `((e) => e.id || e.closest('[data-key]')?.dataset.key || e.innerText)(document.activeElement)`))
		if !eval[bool](b, `((e) => getComputedStyle(e).outlineStyle !== 'none' && parseFloat(getComputedStyle(e).outlineWidth) >= 2)(document.activeElement)`) {
			t.Errorf("it is not to be seen that %q has the focus", order[len(order)-1])
		}
	}
	if want := "Skip to the logs|grave|events|search|which|name|state|rate|current|disk|files|rotations|last|batch/render-frames-7xk2p render"; strings.Join(order, "|") != want {
		t.Errorf("the order is\n%s, want\n%s", strings.Join(order, "|"), want)
	}
	b.press(kb.Enter)
	if expanded := eval[string](b, `document.activeElement.getAttribute('aria-expanded')`); expanded != "true" || !strings.Contains(b.text(".details"), "batch") {
		t.Errorf("Enter on a log: expanded is %q", expanded)
	}
	b.press(kb.Enter)
	if open := eval[int](b, `document.querySelectorAll('.details').length`); open != 0 {
		t.Error("a second Enter does not close the details")
	}
	eval[bool](b, `(document.querySelector('th[data-key="name"] button').focus(), true)`)
	b.press(" ")
	if sorts := eval[string](b, `document.querySelector('th[data-key="name"]').getAttribute('aria-sort')`); sorts != "ascending" {
		t.Errorf("space on a header: it sorts %q", sorts)
	}
	if rows := b.texts(rowNames); !slices.IsSorted(rows) {
		t.Errorf("the logs by name are %q", rows)
	}
}
