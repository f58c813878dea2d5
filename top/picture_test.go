package top

import (
	"encoding/xml"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
)

var update = flag.Bool("update", false, "draw the picture in docs/ anew")

const pictureFile = "../docs/top.svg"

// The picture in the documentation shows what top shows, of a node with one noisy container.
func TestPictureIsWhatTopShows(t *testing.T) {
	t.Parallel()
	m := newView(busyNode(), 124, 22)
	want := picture(m.screen(), m.cells, "cri-logshim top: a table of the logs of a node, the one that grows the fastest first")
	if *update {
		if err := os.WriteFile(pictureFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(pictureFile)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s shows what top showed once; go test ./top -run TestPicture -update draws it anew", pictureFile)
	}
	if err := xml.Unmarshal(got, new(struct{})); err != nil {
		t.Errorf("%s is no XML: %v", pictureFile, err)
	}
}

// What a picture is made of, in its own units.
const (
	cellWidth, cellHeight = 8, 18
	margin                = 14
	fontSize              = 13
)

// picture draws a screen as SVG. Each piece is told how wide it is, so that it stands in its
// place in any font, and bars are drawn, since few fonts join them.
func picture(lines []line, cells int, title string) string {
	var svg strings.Builder
	width, height := cells*cellWidth+2*margin, len(lines)*cellHeight+2*margin
	fmt.Fprintf(&svg, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img">
<title>%s</title>
<style>
rect.screen { fill: #16191d }
rect.chosen { fill: #2f3b4a }
text { font: %dpx ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: #d6dae0; white-space: pre }
.faint { fill: #8b949e } .strong, .heading { fill: #ffffff; font-weight: bold } .heading { text-decoration: underline }
.good { fill: #63c174 } .warning { fill: #e5b454; font-weight: bold } .alarm { fill: #f2736b; font-weight: bold }
.plain { fill: #d6dae0 } .rest { fill-opacity: 0.25 }
</style>
<rect class="screen" width="%d" height="%d" rx="8"/>
`, width, height, width, height, title, fontSize, width, height)
	for i, l := range lines {
		y := margin + i*cellHeight
		if l.chosen {
			fmt.Fprintf(&svg, "<rect class=\"chosen\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"/>\n", margin, y, cells*cellWidth, cellHeight)
		}
		x := margin
		for _, p := range l.pieces {
			x = drawPiece(&svg, p, x, y)
		}
	}
	svg.WriteString("</svg>\n")
	return svg.String()
}

// drawPiece draws a piece and returns where the next one begins.
func drawPiece(svg *strings.Builder, p piece, x, y int) int {
	class := []string{"plain", "faint", "strong", "heading", "good", "warning", "alarm"}[p.look]
	for text := p.text; text != ""; {
		kind := strings.IndexAny("█░", string([]rune(text)[0]))
		run := text
		if end := strings.IndexFunc(text, func(r rune) bool { return strings.IndexAny("█░", string(r)) != kind }); end >= 0 {
			run = text[:end]
		}
		text = text[len(run):]
		wide := ansi.StringWidth(run) * cellWidth
		switch {
		case kind >= 0:
			rest := map[bool]string{true: " rest"}[kind > 0]
			fmt.Fprintf(svg, "<rect class=\"%s%s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"/>\n", class, rest, x, y+4, wide, cellHeight-8)
		case strings.TrimSpace(run) != "":
			before := len(run) - len(strings.TrimLeft(run, " "))
			shown := strings.TrimSpace(run)
			fmt.Fprintf(svg, "<text class=\"%s\" x=\"%d\" y=\"%d\" textLength=\"%d\">", class, x+before*cellWidth, y+13, ansi.StringWidth(shown)*cellWidth)
			_ = xml.EscapeText(svg, []byte(shown)) // a builder takes all
			svg.WriteString("</text>\n")
		}
		x += wide
	}
	return x
}
