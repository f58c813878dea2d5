package statuspage

import (
	"bytes"
	"crypto/sha256"
	"flag"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/cri-logshim/cri-logshim/admin/page/pagetest"
)

var update = flag.Bool("update", false, "make the picture in docs/ anew")

const (
	picture      = "../../../docs/status-page.png"
	pictureTexts = "testdata/status-page.txt" // what is to be read on it, below its checksum
	maxPicture   = 150_000                    // bytes
	// pictureSteps is how many steps of the node go by until it is taken: the lines of rates
	// have come to their full length then, if the page has seen them all. pictureTime is when that is.
	pictureSteps = 64
	pictureTime  = "03:14:08 UTC"
)

// The picture in docs/ is one of the page as it is now: before a node that is the same in each run
// the page still says what it said when the picture was made. Pixels are not compared, since they
// differ with the fonts and the version of the browser.
func TestPictureIsOfThisPage(t *testing.T) {
	n := serve(t, pagetest.Sample())
	if !*update {
		n.Skip(pictureSteps - 3) // the lines are no text
	}
	n.StopAfter(pictureSteps)
	b := newBrowser(t, desk())
	b.open(n.url())
	b.until(`document.getElementById('seen').textContent === '` + pictureTime + `' && document.querySelectorAll('#events li').length === 4`)
	texts := b.text("body") + "\n"
	if *update {
		b.takePicture(texts)
	}

	kept, err := os.ReadFile(pictureTexts)
	if err != nil {
		t.Fatal(err)
	}
	image, err := os.ReadFile(picture)
	if err != nil {
		t.Fatal(err)
	}
	sum, pictured, _ := strings.Cut(string(kept), "\n")
	if sum != checksum(image) {
		t.Errorf("%s was changed without its texts: run this test with -update", picture)
	}
	if pictured != texts {
		t.Errorf("the page has changed since %s was made: run this test with -update, and look at it\nit says\n%s\nand said\n%s", picture, texts, pictured)
	}
	config, err := png.DecodeConfig(bytes.NewReader(image))
	if err != nil || int64(config.Width) < desk().width || len(image) > maxPicture {
		t.Errorf("the picture is %d pixels wide and has %d bytes (%v)", config.Width, len(image), err)
	}
}

func checksum(content []byte) string { return fmt.Sprintf("%x", sha256.Sum256(content)) }

// takePicture keeps the whole page, and what is to be read on it.
func (b *browser) takePicture(texts string) {
	b.t.Helper()
	b.look(look{width: desk().width, height: eval[int64](b, `document.body.offsetHeight`), scale: 1.5})
	image, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err == nil {
		image, err = fewColours(image)
	}
	if err == nil {
		err = os.WriteFile(picture, image, 0o644)
	}
	if err == nil {
		err = os.MkdirAll(filepath.Dir(pictureTexts), 0o755)
	}
	if err == nil {
		err = os.WriteFile(pictureTexts, []byte(checksum(image)+"\n"+texts), 0o644)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}
