package statuspage

import (
	"strings"
	"testing"

	"github.com/cri-logshim/cri-logshim/admin/page/pagetest"
)

// Names and messages with HTML, scripts, turned text or ten thousand letters in them are text: they
// add no element, run nothing, and do not push the page out of its frame.
func TestHostileNamesAreText(t *testing.T) {
	n := serve(t, pagetest.Hostile())
	for _, l := range []look{desk(), phone()} {
		t.Run(l.String(), func(t *testing.T) {
			b := newBrowser(t, l)
			b.open(n.url())
			b.until(`document.querySelectorAll('#events li').length === 2`)
			eval[bool](b, `(document.querySelectorAll('button.title').forEach((button) => button.click()), true)`)
			b.until(`document.querySelectorAll('.details').length === 4`)

			for _, bad := range []string{"img", "iframe", "object", "embed", "form", "script:not([src^='page/'])", "[onload]", "[onerror]", "[style]", "b"} {
				if found := eval[int](b, `document.querySelectorAll("`+bad+`").length`); found > 0 {
					t.Errorf("%d elements %q are on the page", found, bad)
				}
			}
			text := b.text("body")
			for _, want := range []string{
				"<img src=x onerror=alert(1)>/</script><script>alert(1)</script>", `"><svg onload=alert(1)>`, "shop/web\ufffdgpj.exe\ufffd\ufffd[31m\ufffd", "__proto__",
			} {
				if !strings.Contains(text, want) {
					t.Errorf("%q is not to be read on the page", want)
				}
			}
			for _, bad := range []string{"\u202e", "\u2066", "\x1b", "$(reboot)"} {
				if strings.Contains(text, bad) {
					t.Errorf("%q is on the page", bad)
				}
			}
			withinFrame(b)
			if height := eval[float64](b, `Math.max(...[...document.querySelectorAll('#rows > tr:not(.details), #events li, #reasons, .tiles > div, #readers tr')].map((e) => e.getBoundingClientRect().height))`); height > float64(l.height)/2 {
				t.Errorf("a name takes %v pixels of height", height)
			}
		})
	}
}

// Even a script that had got onto the page could make no HTML, run nothing inline, and reach nobody.
func TestPolicyHoldsInTheBrowser(t *testing.T) {
	n := serve(t, pagetest.Sample())
	b := newBrowser(t, desk())
	b.open(n.url())
	for name, attempt := range map[string]string{
		"HTML out of text":            `document.body.innerHTML = '<p>x</p>'`,
		"a handler within an element": `document.body.setAttribute('onclick', 'window.ran = true')`,
		"text into a script":          `document.createElement('script').text = 'window.ran = true'`,
		"a script of another server":  `document.createElement('script').src = 'http://127.0.0.2:1/x.js'`,
	} {
		if !eval[bool](b, `(() => { try { `+attempt+`; return false; } catch { return true; } })()`) {
			t.Errorf("%s: the browser allows it", name)
		}
	}
	refused := eval[string](b, `new Promise((resolve) => {
		document.addEventListener('securitypolicyviolation', (event) => resolve(event.effectiveDirective), { once: true });
		fetch('http://127.0.0.2:1/').catch(() => {});
	})`)
	if refused != "connect-src" {
		t.Errorf("asking another server was refused by %q", refused)
	}
	for _, said := range []string{"violates the following Content Security Policy directive", "Refused to connect because it violates", "The action has been blocked"} {
		b.forgive(said)
	}
}
