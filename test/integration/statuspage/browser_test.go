// Package statuspage tests the status page in a real browser: before a node that does not exist,
// where anything can be made to happen, and before the real daemon. Its tests need root, and a
// cache that hack/setup.sh has filled.
package statuspage

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// patience is how long a test waits for what has to come; on a machine with other work it takes
// its time.
const patience = time.Minute

// browser is one tab of a browser of its own.
type browser struct {
	t    *testing.T
	ctx  context.Context //nolint:containedctx // chromedp keeps the tab in it
	mu   sync.Mutex
	told []string // what no page should say: errors on its console, and questions to its reader
	// forgiven are texts that it may say after all.
	forgiven []string
}

// look is how a page is looked at.
type look struct {
	width, height int64
	dark, touch   bool
	scale         float64 // pixels of the screen for one of the page; 0: one
}

func desk() look  { return look{width: 1280, height: 900} }
func phone() look { return look{width: 360, height: 740, touch: true} }

func (l look) String() string {
	light := "light"
	if l.dark {
		light = "dark"
	}
	return fmt.Sprintf("%d %s", l.width, light)
}

// newBrowser starts a browser, for which names may lead elsewhere. At the end of the test it must
// have had nothing to complain of but what a test has forgiven.
func newBrowser(t *testing.T, l look, names ...string) *browser {
	t.Helper()
	chromium, err := testbed.InstalledChromium(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath("unshare"), chromedp.NoInheritEnv, chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-quic", true), chromedp.Flag("hide-scrollbars", false),
		chromedp.ModifyCmdFunc(func(cmd *exec.Cmd) {
			if err := chromium.Enter(cmd); err != nil {
				t.Error(err)
			}
		}))
	if len(names) > 0 {
		options = append(options, chromedp.Flag("host-resolver-rules", strings.Join(names, ",")))
	}
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	b := &browser{t: t}
	b.ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(b.ctx); err != nil { // and no deadline: it would be the browser's
		t.Fatalf("start the browser: %v", err)
	}
	b.listen()
	b.look(l)
	t.Cleanup(b.complain)
	return b
}

// listen takes down what no page should say.
func (b *browser) listen() {
	console := chromedp.Console(b.ctx)
	go func() { // ends with the context
		for m, err := range console {
			if err != nil {
				return
			}
			if m.Type != chromedp.ConsoleDebug {
				b.tell(fmt.Sprintf("%s: %s %s", m.Type, m.Text, m.URL))
			}
		}
	}()
	if err := chromedp.Listen(b.ctx, func(event any) {
		if dialog, is := event.(*page.EventJavascriptDialogOpening); is {
			b.tell("it asks its reader: " + dialog.Message)
		}
	}); err != nil {
		b.t.Fatal(err)
	}
}

func (b *browser) tell(what string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.told = append(b.told, what)
}

// forgive lets the page say what has a text in it.
func (b *browser) forgive(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.forgiven = append(b.forgiven, text)
}

func (b *browser) complain() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, what := range b.told {
		if !slices.ContainsFunc(b.forgiven, func(text string) bool { return strings.Contains(what, text) }) {
			b.t.Errorf("the browser says: %s", what)
		}
	}
}

// look sets what the browser is taken for.
func (b *browser) look(l look) {
	b.t.Helper()
	scheme := "light"
	if l.dark {
		scheme = "dark"
	}
	b.must(chromedp.EmulateViewport(l.width, l.height, func(metrics *emulation.SetDeviceMetricsOverrideParams, touch *emulation.SetTouchEmulationEnabledParams) {
		metrics.Mobile, touch.Enabled, metrics.DeviceScaleFactor = l.touch, l.touch, max(l.scale, 1)
	}))
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
	if err != nil {
		b.t.Fatal(err)
	}
}

// must does something, for as long as patience lasts.
func (b *browser) must(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.t.Fatal(err)
	}
}

// open shows a page and waits until its script has had an answer.
func (b *browser) open(url string) {
	b.t.Helper()
	b.must(chromedp.Navigate(url))
	b.until(`document.documentElement.classList.contains('live')`)
}

// ask shows whatever is answered, and returns how.
func (b *browser) ask(url string) *network.Response {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	response, err := chromedp.Run(ctx, chromedp.NavigateResponse(url))
	if err != nil {
		b.t.Fatal(err)
	}
	return response
}

// until waits for an expression to be true.
func (b *browser) until(expression string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	script := `new Promise((resolve) => { const ask = () => { if (` + expression + `) resolve(true); else setTimeout(ask, 20); }; ask(); })`
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[bool](script, chromedp.EvalAwaitPromise)); err != nil {
		b.t.Fatalf("wait for %s: %v\nthe page says:\n%s", expression, err, b.text("body"))
	}
}

// eval returns what an expression comes to.
func eval[T any](b *browser, expression string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// text is what is to be read in an element.
func (b *browser) text(selector string) string {
	b.t.Helper()
	return eval[string](b, fmt.Sprintf(`document.querySelector(%q)?.innerText ?? ''`, selector))
}

// texts are what is to be read in each visible element.
func (b *browser) texts(selector string) []string {
	b.t.Helper()
	return eval[[]string](b, fmt.Sprintf(`[...document.querySelectorAll(%q)].filter((e) => e.checkVisibility()).map((e) => e.innerText.trim())`, selector))
}

// press presses a key as often as it is named.
func (b *browser) press(keys ...string) {
	b.t.Helper()
	for _, key := range keys {
		b.must(chromedp.KeyEvent(key))
	}
}

// click clicks on the first element that a selector finds.
func (b *browser) click(selector string) {
	b.t.Helper()
	b.must(chromedp.Click(chromedp.CSS(selector)))
}

// choose fills a field in, as somebody who types would.
func (b *browser) choose(id, value string) {
	b.t.Helper()
	eval[bool](b, fmt.Sprintf(`(() => { const field = document.getElementById(%q); field.value = %q;
		field.dispatchEvent(new Event('input', { bubbles: true })); field.dispatchEvent(new Event('change', { bubbles: true })); return true; })()`, id, value))
}
