package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"time"
)

//go:embed page.html static
var files embed.FS

// asset is a file that the page names.
type asset struct {
	content []byte
	kind    string // its media type
	tag     string // changes with the content
}

// assets are the style and the script, by name.
type assets map[string]asset

func newAssets() (assets, error) {
	all := assets{}
	entries, err := fs.ReadDir(files, "static")
	if err != nil {
		return nil, fmt.Errorf("find the files of the status page: %w", err)
	}
	for _, e := range entries {
		content, err := fs.ReadFile(files, path.Join("static", e.Name()))
		if err != nil {
			return nil, fmt.Errorf("read a file of the status page: %w", err)
		}
		sum := sha256.Sum256(content)
		all[e.Name()] = asset{content: content, kind: mediaType(e.Name()), tag: `"` + hex.EncodeToString(sum[:8]) + `"`}
	}
	return all, nil
}

// mediaType does not ask the machine's own table, in which anything may stand: with nosniff a
// browser refuses a script of another type.
func mediaType(name string) string {
	switch path.Ext(name) {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return "application/octet-stream"
}

// ServeHTTP answers with the file that is asked for. A browser asks each time whether it has
// changed, so a new version of the daemon never runs beside an old script.
func (all assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a, found := all[r.PathValue("file")]
	if !found {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", a.kind)
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("ETag", a.tag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(a.content))
}
