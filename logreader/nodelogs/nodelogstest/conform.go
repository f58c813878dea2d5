package nodelogstest

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cri-logshim/cri-logshim/logreader/nodelogs"
)

// Conform states what the reading of logs from afar relies on: that a server gives the names in
// directories and the bytes of files below varLog, a folder on this machine, in which it leaves a folder.
func Conform(t *testing.T, server *nodelogs.Server, varLog string) {
	t.Helper()
	folder, err := os.MkdirTemp(varLog, "conform") //nolint:usetesting // it is to be where the server looks
	if err != nil {
		t.Fatal(err)
	}
	c := conformity{t: t, ctx: t.Context(), server: server, folder: folder}
	t.Run("names", c.names)
	t.Run("parts", c.parts)
	t.Run("bytes as they are", c.asTheyAre)
	t.Run("what is no file", c.noFile)
}

type conformity struct {
	t      *testing.T
	ctx    context.Context //nolint:containedctx // of one test
	server *nodelogs.Server
	folder string
}

// path is that of a name below /var/log.
func (c conformity) path(names ...string) []string {
	return append([]string{filepath.Base(c.folder)}, names...)
}

func (c conformity) write(t *testing.T, name string, content []byte) {
	t.Helper()
	file := filepath.Join(c.folder, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o750), os.WriteFile(file, content, 0o600)); err != nil {
		t.Fatal(err)
	}
}

// read reads a part of a file.
func (c conformity) read(offset, length int64, name string) (text []byte, info nodelogs.Info, err error) {
	part, err := c.server.Open(c.ctx, offset, length, c.path(name)...)
	if err != nil {
		return nil, info, err
	}
	defer func() { err = errors.Join(err, part.Close()) }()
	text, err = io.ReadAll(part)
	return text, part.Info, err
}

// names: a listing has every name, whatever is in it, and each leads to its file.
func (c conformity) names(t *testing.T) {
	odd := []string{
		"0.log", "0.log.20260101-000000.gz", "a b", "a%41b", "a?b", "a#b", "a&b", `a"b`, "a'b", "a<b>", "a:b", "a\nb", `a\b`, "a;b", "a+b", "a{b}", "*", "ä", "...",
		strings.Repeat("x", 255),
	}
	var want []nodelogs.Entry
	for _, name := range odd {
		c.write(t, "names/"+name, []byte("content of "+name))
		want = append(want, nodelogs.Entry{Name: name})
	}
	c.write(t, "names/folder/file", nil)
	if err := os.Symlink("folder", filepath.Join(c.folder, "names/link")); err != nil {
		t.Fatal(err)
	}
	const notText = "\xff"
	c.write(t, "names/"+notText, nil)
	want = append(want, nodelogs.Entry{Name: "folder", Dir: true}, nodelogs.Entry{Name: "link"}, nodelogs.Entry{Name: notText})
	got, err := c.server.List(c.ctx, c.path("names")...)
	if err != nil {
		t.Fatal(err)
	}
	byName := func(a, b nodelogs.Entry) int { return strings.Compare(a.Name, b.Name) }
	slices.SortFunc(got, byName)
	slices.SortFunc(want, byName)
	if !slices.Equal(got, want) {
		t.Errorf("listed\n%+v, want\n%+v", got, want)
	}
	for _, name := range odd {
		part, err := c.server.Open(c.ctx, 0, -1, c.path("names", name)...)
		if err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		text, err := io.ReadAll(part)
		if err := errors.Join(err, part.Close()); err != nil || string(text) != "content of "+name {
			t.Errorf("%q: %q, %v", name, text, err)
		}
	}
	if _, err := c.server.Stat(c.ctx, c.path("names", notText)...); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a name that is no text: %v, want that there is no such file", err)
	}
}

// parts: any part of a file can be had, with the size and times of the whole.
func (c conformity) parts(t *testing.T) {
	content := []byte("0123456789")
	written := time.Now().Add(-time.Hour).Truncate(time.Second)
	for name, content := range map[string][]byte{"0.log": content, "empty.log": {}} {
		c.write(t, name, content)
		if err := os.Chtimes(filepath.Join(c.folder, name), written, written); err != nil {
			t.Fatal(err)
		}
	}
	for _, part := range []struct {
		name           string
		offset, length int64
		want           string
		size           int64
	}{
		{"0.log", 0, -1, "0123456789", 10},
		{"0.log", 3, 4, "3456", 10},
		{"0.log", 8, 10, "89", 10},
		{"0.log", 9, -1, "9", 10},
		{"0.log", 10, -1, "", 10},
		{"0.log", 11, 5, "", 10},
		{"empty.log", 0, -1, "", 0},
		{"empty.log", 0, 1, "", 0},
		{"empty.log", 7, 1, "", 0},
	} {
		text, info, err := c.read(part.offset, part.length, part.name)
		if err != nil || string(text) != part.want || info.Size != part.size {
			t.Errorf("%+v: %q of %d bytes, %v", part, text, info.Size, err)
		}
		// Who asks for what is not there learns only that, and whose clock it is.
		if !info.Modified.IsZero() && !info.Modified.Equal(written) || info.Modified.IsZero() && part.offset < part.size || info.Answered.Before(written) {
			t.Errorf("%+v: written at %v, answered at %v; it was written at %v", part, info.Modified, info.Answered, written)
		}
	}
}

// asTheyAre: nobody on the way unpacks, packs or changes what is in a file.
func (c conformity) asTheyAre(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if err := errors.Join(func() error { _, err := fmt.Fprintf(z, "%01000d", 1); return err }(), z.Close()); err != nil {
		t.Fatal(err)
	}
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	for name, content := range map[string][]byte{
		"1.log.20260101-000000.gz": packed.Bytes(),
		"2.log":                    bytes.Repeat(all, 1000),
		"3.log.20260101-000000":    []byte(`{"log":"<html>\n"}` + "\n"),
		"4.log.20260101-000000":    []byte("2026-01-01T00:00:00Z stdout F <a href=\"/logs/x\">x</a>\r\n"),
	} {
		c.write(t, name, content)
		if text, _, err := c.read(0, -1, name); err != nil || !bytes.Equal(text, content) {
			t.Errorf("%s: %d bytes, want %d, %v", name, len(text), len(content), err)
		}
	}
	// What begins as a web page does an API server writes anew.
	page := []byte("<html>\n<a href='/logs/x'>x</a>\n</html>\n")
	c.write(t, "5.log.20260101-000000", page)
	if text, _, err := c.read(0, -1, "5.log.20260101-000000"); err == nil {
		t.Errorf("%q is read as %q", page, text)
	}
}

// noFile: what is not there is told from what cannot be read as what is asked for.
func (c conformity) noFile(t *testing.T) {
	c.write(t, "file", []byte("text"))
	c.write(t, "folder/file", []byte("text"))
	if _, err := c.server.Stat(c.ctx, c.path("none")...); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	if _, err := c.server.List(c.ctx, c.path("none")...); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a directory that is not there: %v", err)
	}
	if entries, err := c.server.List(c.ctx, c.path("file")...); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file is listed: %v, %v", entries, err)
	}
	if text, _, err := c.read(0, -1, "folder"); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a directory is read: %q, %v", text, err)
	}
}
