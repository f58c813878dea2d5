package statuspage

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/cri-logshim/cri-logshim/admin/api"
)

// Without its script the page shows the same figures in the same words, in the same order: the
// program and the script each have their own code for that.
func TestTheSameWithoutScript(t *testing.T) {
	n := serve(t, inTrouble())
	n.Change(func(node *api.Node) { node.Kubelet.Calls = false })
	n.StopAfter(0)
	b := newBrowser(t, desk())
	b.open(n.url())
	b.until(`document.querySelectorAll('#events li').length === 4`)
	b.click("#grave") // which is what there is without the script
	const shown = `[...document.querySelectorAll('h1, #state, .facts, #reasons li, .tiles dt, .tiles dd, .bounds li, #pressure, #readers, .events li, #rows td, #rows th, #found')]
		.filter((e) => e.checkVisibility()).map((e) => (e.closest('section')?.getAttribute('aria-labelledby') ?? '') + ': ' + e.innerText.trim().replace(/\s+/g, ' '))`
	live := eval[[]string](b, shown)

	if _, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	b.must(chromedp.Navigate(n.url()), chromedp.WaitVisible(chromedp.CSS("#rows")))
	plain := eval[[]string](b, shown)
	for i := range max(len(live), len(plain)) {
		var with, without string
		if i < len(live) {
			with = live[i]
		}
		if i < len(plain) {
			without = plain[i]
		}
		if with != without {
			t.Errorf("with the script it says\n%q, without it\n%q", with, without)
		}
	}
	if len(live) < 100 {
		t.Errorf("only %d texts were compared", len(live))
	}
	if controls := eval[int](b, `[...document.querySelectorAll('button, input, select')].filter((e) => e.checkVisibility()).length`); controls > 0 {
		t.Errorf("%d controls are there that do nothing", controls)
	}
	if refresh := eval[string](b, `document.querySelector('meta[http-equiv=refresh]')?.content ?? ''`); refresh != "10" {
		t.Errorf("without the script the page is loaded again after %q seconds", refresh)
	}
}

// The script writes numbers as the program does.
func TestFormatsOfTheScript(t *testing.T) {
	text, err := os.ReadFile("../../../admin/page/testdata/formats.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []json.RawMessage
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	n := serve(t, inTrouble())
	b := newBrowser(t, desk())
	b.open(n.url())
	wrong := eval[[]string](b, `import('./page/format.js').then((formats) => `+string(text)+`
		.filter(({ format, value, text }) => formats[format](value) !== text)
		.map(({ format, value, text }) => format + ' of ' + value + ' is ' + formats[format](value) + ', want ' + text))`)
	for _, w := range wrong {
		t.Error(w)
	}
	if len(cases) < 20 {
		t.Errorf("only %d cases", len(cases))
	}
}
