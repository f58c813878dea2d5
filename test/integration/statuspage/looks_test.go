package statuspage

import (
	"strings"
	"testing"

	"github.com/cri-logshim/cri-logshim/admin/api"
	"github.com/cri-logshim/cri-logshim/admin/page/pagetest"
)

// withinFrame finds what makes a page wider than what it is looked at through.
func withinFrame(b *browser) {
	b.t.Helper()
	wider := eval[[]string](b, `document.documentElement.scrollWidth <= innerWidth ? [] :
		[...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > innerWidth + 0.5 && !e.classList.contains('unseen'))
			.map((e) => e.tagName + '#' + e.id + '.' + (e.className.baseVal ?? e.className)).slice(0, 8)`)
	if len(wider) > 0 {
		b.t.Errorf("the page is wider than its frame, as are %q", wider)
	}
}

// contrasts are the texts that have less contrast to the ground behind them than 4.5 to 1.
const contrasts = `(() => {
	const channels = (color) => color.match(/[\d.]+/g).map(Number);
	const luminance = ([r, g, b]) => {
		const [x, y, z] = [r, g, b].map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
		return 0.2126 * x + 0.7152 * y + 0.0722 * z;
	};
	const over = ([r, g, b, a = 1], [r2, g2, b2]) => [r * a + r2 * (1 - a), g * a + g2 * (1 - a), b * a + b2 * (1 - a)];
	const ground = (e) => {
		if (!e) return [255, 255, 255];
		const color = channels(getComputedStyle(e).backgroundColor);
		return color[3] === 0 ? ground(e.parentElement) : over(color, color[3] === undefined ? color : ground(e.parentElement));
	};
	const opacity = (e) => e ? Number(getComputedStyle(e).opacity) * opacity(e.parentElement) : 1;
	const weak = [];
	let looked = 0;
	for (const e of document.querySelectorAll('body *')) {
		const own = [...e.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && n.data.trim()) || e.placeholder;
		if (!own || !e.checkVisibility() || e.closest('.unseen, .skip')) continue;
		looked++;
		const back = ground(e);
		const front = channels(getComputedStyle(e, e.placeholder && !e.value ? '::placeholder' : null).color);
		front[3] = (front[3] ?? 1) * opacity(e);
		const [light, dark] = [luminance(over(front, back)), luminance(back)].sort((x, y) => y - x);
		const contrast = (light + 0.05) / (dark + 0.05);
		if (contrast < 4.5) weak.push(contrast.toFixed(2) + ' ' + (e.id || e.className) + ' ' + e.textContent.slice(0, 30));
	}
	return looked > 50 ? weak : ['only ' + looked + ' texts were found'];
})()`

// inTrouble shows all that a page shows at times.
func inTrouble() *pagetest.Node {
	n := pagetest.Sample()
	n.Change(func(node *api.Node) {
		node.Reasons = []string{"no connection to the runtime"}
		node.Disk.Pressure = "1 GiB too much"
	})
	return n
}

// On a desk and on a phone, by day and by night, all text is to be read, and nothing is to be moved
// sideways for it.
func TestReadableEverywhere(t *testing.T) {
	n := serve(t, inTrouble())
	grounds := map[string]bool{}
	for _, l := range []look{
		{width: 1280, height: 900},
		{width: 1280, height: 900, dark: true},
		{width: 1000, height: 700},
		{width: 768, height: 1024, touch: true, dark: true},
		{width: 390, height: 844, touch: true},
		{width: 360, height: 740, touch: true, dark: true},
		{width: 320, height: 640, touch: true},
	} {
		t.Run(l.String(), func(t *testing.T) {
			b := newBrowser(t, l)
			b.open(n.url())
			b.until(`document.querySelectorAll('#events li').length === 4`)
			eval[bool](b, `(document.querySelectorAll('button.title')[2].click(), document.querySelectorAll('button.title')[8].click(), true)`)
			withinFrame(b)
			if weak := eval[[]string](b, contrasts); len(weak) > 0 {
				t.Errorf("there is too little contrast in\n%s", strings.Join(weak, "\n"))
			}
			grounds[eval[string](b, `getComputedStyle(document.body).backgroundColor`)] = true
			// What a column has no place for is in the details.
			if l.width < 400 {
				for _, label := range []string{"Files\n", "Rotations\n", "Last write\n", "Current file\n", "State\n"} {
					if details := b.text(".details"); !strings.Contains(details, label) {
						t.Errorf("neither the table nor the details have %q", label)
					}
				}
			}
			if small := eval[[]string](b, `[...document.querySelectorAll('button, input, select, a')].filter((e) => e.checkVisibility() && !e.closest('p, .skip, label') &&
				Math.min(e.getBoundingClientRect().width, e.getBoundingClientRect().height) < 24).map((e) => e.outerHTML.slice(0, 80))`); l.touch && len(small) > 0 {
				t.Errorf("too small for a finger: %q", small)
			}
		})
	}
	if len(grounds) != 2 {
		t.Errorf("by day and by night the page has the grounds %v", grounds)
	}
}

// A page that has lost its daemon is grey, and still to be read.
func TestReadableWhileTheDaemonIsAway(t *testing.T) {
	for _, dark := range []bool{false, true} {
		n := serve(t, inTrouble())
		b := newBrowser(t, look{width: 1280, height: 900, dark: dark})
		b.open(n.url())
		n.stop()
		b.until(`document.getElementById('state').textContent === 'No answer'`)
		if weak := eval[[]string](b, contrasts); len(weak) > 0 {
			t.Errorf("dark %v: there is too little contrast in\n%s", dark, strings.Join(weak, "\n"))
		}
		b.forgive("net::ERR_")
	}
}

// Nothing on the page moves by itself.
func TestNothingIsAnimated(t *testing.T) {
	n := serve(t, pagetest.Sample())
	b := newBrowser(t, desk())
	b.open(n.url())
	if moving := eval[int](b, `document.getAnimations().length + [...document.querySelectorAll('*')].filter((e) => getComputedStyle(e).transitionDuration !== '0s' || getComputedStyle(e).animationName !== 'none').length`); moving > 0 {
		t.Errorf("%d elements move", moving)
	}
}
