package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/cri-logshim/cri-logshim/exitcode"
)

// follower runs the command with --follow, and gives its lines as they come.
type follower struct {
	c     *cluster
	lines *bufio.Scanner
	told  bytes.Buffer // to be looked at after the end
	code  chan exitcode.Code
}

func (c *cluster) follow(args ...string) *follower {
	c.t.Helper()
	reader, writer := io.Pipe()
	f := &follower{c: c, lines: bufio.NewScanner(reader), code: make(chan exitcode.Code, 1)}
	args = append([]string{"logs", "--kubeconfig", c.kubeconfig, "-f"}, args...)
	ctx := c.t.Context()
	go func() {
		f.code <- exitcode.Code(run(ctx, args, writer, &f.told))
		writer.Close()
	}()
	return f
}

func (f *follower) expect(texts ...string) {
	f.c.t.Helper()
	for _, text := range texts {
		if !f.lines.Scan() {
			f.c.t.Fatalf("it has ended before %q: %s", text, f.told.String())
		}
		if f.lines.Text() != text {
			f.c.t.Fatalf("%q, want %q", f.lines.Text(), text)
		}
	}
}

func (f *follower) expectEnd(code exitcode.Code) {
	f.c.t.Helper()
	if f.lines.Scan() {
		f.c.t.Errorf("after the end comes %q", f.lines.Text())
	}
	if got := <-f.code; got != code {
		f.c.t.Errorf("code %d, want %d: %s", got, code, f.told.String())
	}
}

// appendTo writes to a file as a runtime does.
func (c *cluster) appendTo(name, text string) {
	c.t.Helper()
	c.must(os.MkdirAll(filepath.Dir(name), 0o755))
	file, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	c.must(err)
	_, err = io.WriteString(file, text)
	c.must(err)
	c.must(file.Close())
}

// rotate gives the current file another name, with some last lines, and compresses it if it is to be.
func (c *cluster) rotate(log, to, last string, compressed bool) {
	c.t.Helper()
	c.must(os.Rename(log, to))
	c.appendTo(to, last)
	c.appendTo(log, "")
	if !compressed {
		return
	}
	content, err := os.ReadFile(to)
	c.must(err)
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, err = z.Write(content)
	c.must(err)
	c.must(z.Close())
	c.must(os.WriteFile(to+".tmp", packed.Bytes(), 0o600))
	c.must(os.Rename(to+".tmp", to+".gz"))
	c.must(os.Remove(to))
}

// No line is missed, doubled or moved across rotations, also where the file is compressed between two
// looks, where it was empty before, and where the container starts anew; a server that does not answer for
// a moment ends nothing, and the removal of the pod does. It finds a follower that stays with the name, or
// with the file.
func TestFollow(t *testing.T) {
	c := newCluster(t, "node-1")
	c.run("shop", "web-0", "u1", "node-1")
	dir := c.varLog("node-1") + "/pods/shop_web-0_u1/app/"
	log := dir + "0.log"
	c.appendTo(log, record("00", "one"))
	f := c.follow("web-0")
	f.expect("one")
	c.appendTo(log, record("01", "two"))
	f.expect("two")
	c.rotate(log, dir+rotated+"03.000000000", record("02", "three"), false)
	c.appendTo(log, record("04", "four"))
	f.expect("three", "four")
	c.rotate(log, dir+rotated+"06.000000000", record("05", "five"), true)
	f.expect("five")

	refused := make(chan struct{})
	var once sync.Once
	c.mu.Lock()
	c.refuse = func(string) (code int, message string, itself bool) {
		once.Do(func() {
			close(refused)
			code, message, itself = http.StatusServiceUnavailable, "apiserver is shutting down", true
		})
		return code, message, itself
	}
	c.mu.Unlock()
	<-refused
	// Empty until it is rotated: the whole file comes and goes between two looks, most likely.
	c.rotate(log, dir+rotated+"08.000000000", record("07", "six"), false)
	c.appendTo(log, record("09", "seven"))
	f.expect("six", "seven")
	c.appendTo(dir+"1.log", record("10", "eight"))
	f.expect("eight")
	c.must(os.RemoveAll(filepath.Dir(filepath.Clean(dir))))
	f.expectEnd(exitcode.OK)
	if strings.TrimSpace(f.told.String()) != "" {
		t.Errorf("it tells %q", f.told.String())
	}
}
