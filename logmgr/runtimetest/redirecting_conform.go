package runtimetest

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/cri-logshim/cri-logshim/logmgr"
)

// RedirectingEnv is an Env whose Runtime is a logmgr.Redirector too and keeps the output in
// files of Docker's driver json-file, to which it makes the links itself.
type RedirectingEnv struct {
	Env
	// RunFailing makes a container whose start fails, and removes it when the test ends.
	RunFailing func(t *testing.T) Instance
	// Rotates is set where Docker rotates the files of such a container soon, and keeps more
	// of them than the test lets it make.
	Rotates bool
}

// ConformRedirecting tests what the log manager relies on where it only follows. Every
// dockershim has to pass it.
func ConformRedirecting(t *testing.T, env RedirectingEnv) {
	t.Run("list", env.list)
	t.Run("status", env.status)
	t.Run("link after a start", env.link)
	t.Run("link after a failed start", env.linkFailed)
	t.Run("links of two containers", env.linksOfTwo)
	t.Run("no reopen", env.noReopen)
	t.Run("lines", env.lines)
	t.Run("removal", env.removal)
}

// redirection is what the runtime tells, and a regular file that is there.
func (e RedirectingEnv) redirection(t *testing.T, id string) logmgr.Redirection {
	t.Helper()
	to, err := e.redirector(t).Redirect(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if !to.Elsewhere || to.Driver != "json-file" {
		t.Fatalf("the output is said to be at %+v, want a file of Docker's elsewhere", to)
	}
	if (to.MaxSize > 0) != e.Rotates || (to.MaxFiles > 0) != e.Rotates {
		t.Errorf("the file is said to be rotated at %d bytes, %d files kept; rotated: %t", to.MaxSize, to.MaxFiles, e.Rotates)
	}
	if info, err := os.Lstat(to.Path); err != nil || !info.Mode().IsRegular() {
		t.Fatalf("the file that the runtime writes: %+v, %v", info, err)
	}
	return to
}

func (e RedirectingEnv) redirector(t *testing.T) logmgr.Redirector {
	t.Helper()
	redirector, is := e.Runtime.(logmgr.Redirector)
	if !is {
		t.Fatalf("%T is no Redirector", e.Runtime)
	}
	return redirector
}

// leads: the log path is a link to the file that the runtime writes.
func (e RedirectingEnv) leads(t *testing.T, c Instance) logmgr.Redirection {
	t.Helper()
	to := e.redirection(t, c.Facts.ID)
	if got, err := os.Readlink(c.Facts.LogPath); err != nil || got != to.Path {
		t.Errorf("%q leads to %q, %v; want %q", c.Facts.LogPath, got, err, to.Path)
	}
	return to
}

// written waits until the file at path grows or another one has taken its place.
func written(t *testing.T, path string) {
	t.Helper()
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	await(t, fmt.Sprintf("%q is written to", path), func() bool {
		now, err := os.Stat(path)
		return err == nil && (now.Size() > before.Size() || !os.SameFile(now, before))
	})
}

func (e RedirectingEnv) link(t *testing.T) {
	c := e.Run(t)
	e.leads(t, c)
	written(t, c.Facts.LogPath)
	c.Stop(t)
	e.leads(t, c)
}

// linkFailed: what was said of a start that has failed can be read, and the status tells
// that the container has ended.
func (e RedirectingEnv) linkFailed(t *testing.T) {
	c := e.RunFailing(t)
	e.leads(t, c)
	got, err := e.Runtime.Status(t.Context(), c.Facts.ID)
	if err != nil || got.State != logmgr.StateExited || got.LogPath != c.Facts.LogPath {
		t.Errorf("status after a failed start: %+v, %v", got, err)
	}
}

// linksOfTwo: links of different containers lead to different files.
func (e RedirectingEnv) linksOfTwo(t *testing.T) {
	first, second := e.Run(t), e.Run(t)
	one, other := e.leads(t, first), e.leads(t, second)
	if one.Path == other.Path {
		t.Errorf("two containers write to %q", one.Path)
	}
}

// noReopen: every reopen is refused as what cannot be done at all, and changes nothing.
func (e RedirectingEnv) noReopen(t *testing.T) {
	c := e.Run(t)
	refused := func(when string) {
		t.Helper()
		err := e.Runtime.ReopenLog(t.Context(), c.Facts.ID)
		if !errors.Is(err, logmgr.ErrCannotReopen) || !errors.Is(err, logmgr.ErrRefused) {
			t.Errorf("reopen of a %s container: %v, want ErrCannotReopen", when, err)
		}
	}
	written(t, c.Facts.LogPath)
	refused("running")
	e.leads(t, c)
	written(t, c.Facts.LogPath)
	c.Stop(t)
	refused("stopped")
	e.leads(t, c)
	e.complete(t, c.Facts.LogPath)
	c.Remove(t)
	refused("removed")
	if _, err := os.Lstat(c.Facts.LogPath); err == nil {
		t.Error("a refused reopen has made a log")
	}
}

// lines: behind the link every line is there once and in order, also when Docker has
// rotated meanwhile, which leaves the link as it is.
func (e RedirectingEnv) lines(t *testing.T) {
	c := e.Run(t)
	to := e.leads(t, c)
	written(t, c.Facts.LogPath)
	if e.Rotates {
		await(t, "Docker rotates", func() bool { return exists(to.Path+".2") || exists(to.Path+".2.gz") })
	}
	c.Stop(t)
	if after := e.leads(t, c); after != to {
		t.Errorf("the output was at %+v and is at %+v", to, after)
	}
	e.complete(t, c.Facts.LogPath)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// removal takes away the file with the link, and the runtime does not know it any longer.
func (e RedirectingEnv) removal(t *testing.T) {
	c := e.Run(t)
	to := e.leads(t, c)
	c.Stop(t)
	c.Remove(t)
	for _, path := range []string{c.Facts.LogPath, to.Path, to.Path + ".1", to.Path + ".1.gz"} {
		if exists(path) {
			t.Errorf("%q is left of a removed container", path)
		}
	}
	if to, err := e.redirector(t).Redirect(t.Context(), c.Facts.ID); !errors.Is(err, logmgr.ErrNotFound) || to.Path != "" {
		t.Errorf("a removed container's output is at %+v, %v, want ErrNotFound", to, err)
	}
}
