package nodelogs

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

const (
	// maxListing bounds the page of one directory: some 200,000 names of pods.
	maxListing = 32 << 20
	// maxToken bounds one tag or one text of it; a name has 255 bytes, in an address thrice as many.
	maxToken = 64 << 10
)

// Entry is a name in a directory. More than the name a listing does not tell.
type Entry struct {
	Name string
	Dir  bool // a link to a directory is none
}

// parseListing reads the page that Go's http.FileServer makes of a directory, which is what kubelet
// serves:
//
//	<!doctype html>
//	<meta name="viewport" content="width=device-width">
//	<pre>
//	<a href="default_web_6f9d/">default_web_6f9d/</a>
//	</pre>
//
// The API server takes the page apart and writes it anew, and leaves relative addresses as they are.
// Anybody may have made the names, so an address counts only if it is one name right below the
// directory; whatever else is on the page is passed over. That there is no list of names at all, as
// on a page that somebody else answers with, is an error.
func parseListing(page io.Reader) ([]Entry, error) {
	limited := &io.LimitedReader{R: page, N: maxListing + 1}
	tokens := html.NewTokenizer(limited)
	tokens.SetMaxBuf(maxToken)
	var entries []Entry
	listing := false
	for {
		switch tokens.Next() {
		case html.ErrorToken:
			err := tokens.Err()
			switch {
			case !errors.Is(err, io.EOF):
				return nil, fmt.Errorf("read the list of a directory: %w", err)
			case limited.N <= 0:
				return nil, fmt.Errorf("the list of a directory has more than %d MiB", maxListing>>20)
			case !listing:
				return nil, fmt.Errorf("%w: the page holds no list of names", errNoListing)
			}
			return entries, nil
		case html.StartTagToken:
			token := tokens.Token()
			listing = listing || token.DataAtom == atom.Pre
			if token.DataAtom != atom.A {
				continue
			}
			for _, attribute := range token.Attr {
				if attribute.Key != "href" {
					continue
				}
				if entry, ok := parseAddress(attribute.Val); ok {
					entries = append(entries, entry)
				}
			}
		default:
		}
	}
}

// parseAddress reads the relative address of a name in the directory that is listed, "a%20b" or
// "a/", or "./a:b" where what precedes the colon would be taken for a scheme.
func parseAddress(address string) (Entry, bool) {
	parsed, err := url.Parse(address)
	if err != nil || parsed.Scheme != "" || parsed.Host != "" || parsed.User != nil || parsed.RawQuery != "" || parsed.Fragment != "" {
		return Entry{}, false
	}
	name, dir := strings.CutSuffix(strings.TrimPrefix(parsed.Path, "./"), "/")
	if !isName(name) {
		return Entry{}, false
	}
	return Entry{Name: name, Dir: dir}, true
}

// isName tells whether a text is exactly one element of a path.
func isName(name string) bool {
	return name != "" && name != "." && name != ".." && len(name) <= 255 && !strings.ContainsAny(name, "/\x00")
}
