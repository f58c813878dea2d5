package terminal

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// HarmlessJSON is JSON, as encoding/json has written it, in which whatever a terminal would act on
// stands as an escape. The encoder leaves controls beyond ASCII as they are, and what changes the
// direction of text; both can only be in its strings. It is the same JSON to whoever parses it.
func HarmlessJSON(text []byte) []byte {
	steers := func(char rune) bool { return char >= 0x7f && Steers(char) }
	if bytes.IndexFunc(text, steers) < 0 {
		return text
	}
	var harmless []byte
	for len(text) > 0 {
		char, n := utf8.DecodeRune(text)
		if steers(char) {
			harmless = fmt.Appendf(harmless, `\u%04x`, char) // all of these are of the basic plane
		} else {
			harmless = append(harmless, text[:n]...)
		}
		text = text[n:]
	}
	return harmless
}
