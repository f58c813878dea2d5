package statuspage

import (
	"bytes"
	"cmp"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"maps"
	"slices"
)

// fewColours makes a picture of text small: its 256 most frequent colours are nearly all of it, and
// each other pixel, on the edge of a letter, gets the nearest of them.
func fewColours(content []byte) ([]byte, error) {
	full, err := png.Decode(bytes.NewReader(content))
	if err != nil {
		return nil, fmt.Errorf("read the picture: %w", err)
	}
	often := map[color.RGBA]int{}
	bounds := full.Bounds()
	at := func(x, y int) color.RGBA { return color.RGBAModel.Convert(full.At(x, y)).(color.RGBA) }
	for y := range bounds.Dy() {
		for x := range bounds.Dx() {
			often[at(x, y)]++
		}
	}
	frequent := slices.SortedFunc(maps.Keys(often), func(a, b color.RGBA) int {
		return cmp.Or(often[b]-often[a], cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)))
	})
	palette := make(color.Palette, 0, 256)
	for _, c := range frequent[:min(256, len(frequent))] {
		palette = append(palette, c)
	}
	few := image.NewPaletted(bounds, palette)
	index := map[color.RGBA]uint8{}
	for y := range bounds.Dy() {
		for x := range bounds.Dx() {
			c := at(x, y)
			i, known := index[c]
			if !known {
				i = uint8(palette.Index(c))
				index[c] = i
			}
			few.SetColorIndex(x, y, i)
		}
	}
	var small bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&small, few); err != nil {
		return nil, fmt.Errorf("write the picture: %w", err)
	}
	return small.Bytes(), nil
}
