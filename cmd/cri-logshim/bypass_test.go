package main

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus/hooks/test"
	"golang.org/x/sys/unix"

	"github.com/cri-logshim/cri-logshim/bypass"
	"github.com/cri-logshim/cri-logshim/config"
)

// newLinkedPlace is a place whose daemon makes a link for kubelet.
func newLinkedPlace(t *testing.T) (*place, bypass.Endpoints) {
	t.Helper()
	p := newPlace(t)
	p.config.KubeletEndpoint = "unix://" + filepath.Join(p.dir, "shim", "kubelet.sock")
	newFakeRuntime().serve(t, p.config.RuntimeEndpoint)
	return p, endpointsOf(p.config)
}

func leadsTo(t *testing.T, e bypass.Endpoints, way bypass.Way) {
	t.Helper()
	eventually(t, "kubelet's endpoint to lead to "+string(way), func() bool {
		s, err := e.Status()
		if err != nil {
			t.Fatal(err)
		}
		return s.Way == way
	})
}

// command runs a command of the program with the place's configuration.
func (p *place) command(t *testing.T, args ...string) (string, error) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), ownBinary(t), append(args, "--config", p.file())...).CombinedOutput()
	return string(out), err
}

// kubelet's endpoint leads to a daemon that serves before systemd hears that it does, and
// stays when it is killed; what it has left leads there without its configuration.
func TestLink(t *testing.T) {
	t.Parallel()
	p, e := newLinkedPlace(t)
	heard := newNotices(t, p.dir+"/notify")
	d := p.serve(t, extras{env: []string{"NOTIFY_SOCKET=" + p.dir + "/notify"}})
	if ready := heard.next(t); !strings.HasPrefix(ready, "READY=1\n") {
		t.Fatalf("the first notice is %q", ready)
	}
	if s, err := e.Status(); err != nil || s.Way != bypass.ToShim {
		t.Errorf("the link leads to %q, %v, when the daemon serves", s.Way, err)
	}
	if err := callVersion(t, dial(t, p.config.KubeletEndpoint)); err != nil {
		t.Errorf("a call through the link: %v", err)
	}
	if last, err := bypass.Last(filepath.Dir(e.Shim)); err != nil || last != e {
		t.Errorf("the daemon has left %+v, %v", last, err)
	}
	d.signal(t, syscall.SIGKILL)
	d.exit(t)
	leadsTo(t, e, bypass.ToShim)
}

// Where somebody serves at the link's path, or it leads to a socket of somebody else, that
// stays, and so does the daemon, which says what is in the way.
func TestLinkInTheWay(t *testing.T) {
	t.Parallel()
	for name, put := range map[string]func(t *testing.T, p *place, path string){
		"a socket": func(t *testing.T, _ *place, path string) { t.Helper(); occupy(t, "unix", path) },
		"a link to a socket of others": func(t *testing.T, p *place, path string) {
			t.Helper()
			occupy(t, "unix", p.dir+"/others.sock")
			if err := os.Symlink(p.dir+"/others.sock", path); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, e := newLinkedPlace(t)
			if err := os.Mkdir(filepath.Dir(e.Link), 0o700); err != nil {
				t.Fatal(err)
			}
			put(t, p, e.Link)
			before, err := os.Lstat(e.Link)
			if err != nil {
				t.Fatal(err)
			}
			d := p.serve(t, extras{})
			works(t, p)
			d.waitSaid(t, "level=warning", "cannot lead kubelet's endpoint where it belongs", e.Link)
			if after, err := os.Lstat(e.Link); err != nil || !os.SameFile(before, after) {
				t.Errorf("what was there has been replaced: %v", err)
			}
			d.end(t)
		})
	}
}

// A person's bypass outlives the daemon and holds against the next one, which says so at
// /readyz; it ends when they take it off, and only if the daemon answers.
func TestManualBypass(t *testing.T) {
	t.Parallel()
	p, e := newLinkedPlace(t)
	first := p.serve(t, extras{})
	works(t, p)
	leadsTo(t, e, bypass.ToShim)
	if out, err := p.command(t, "bypass", "on", "--reason", "a doubt"); err != nil || !strings.Contains(out, "restart kubelet") {
		t.Fatalf("bypass on: %v\n%s", err, out)
	}
	leadsTo(t, e, bypass.ToRuntime)
	first.waitSaid(t, "led past this daemon, manual", "a doubt", "cri-logshim bypass off")
	first.end(t)
	if out, err := p.command(t, "bypass", "off"); err == nil || !strings.Contains(out, "does not answer") {
		t.Errorf("bypass off without a daemon: %v\n%s", err, out)
	}
	leadsTo(t, e, bypass.ToRuntime)

	second := p.serve(t, extras{})
	works(t, p)
	second.waitSaid(t, "led past this daemon, manual", "a doubt")
	leadsTo(t, e, bypass.ToRuntime)
	if out, err := p.command(t, "bypass", "off"); err != nil || !strings.Contains(out, "now leads to cri-logshim") {
		t.Errorf("bypass off: %v\n%s", err, out)
	}
	leadsTo(t, e, bypass.ToShim)
	second.waitSaid(t, "kubelet's endpoint leads to the shim")
	second.end(t)
}

// An automatic bypass outlasts a start, and ends when the daemon has served for a while.
func TestAutomaticBypassEnds(t *testing.T) {
	t.Parallel()
	p, e := newLinkedPlace(t)
	if err := e.Lead(t.Context(), bypass.State{Automatic: true, Since: time.Now(), Reason: "it did not come up"}); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	d := p.serve(t, extras{})
	works(t, p)
	d.waitSaid(t, "led past this daemon, automatic", "it did not come up", "served for 10s")
	leadsTo(t, e, bypass.ToShim)
	if took := time.Since(began); took < provenTime {
		t.Errorf("it has ended after %v", took)
	}
	d.waitSaid(t, "the automatic bypass has ended", "systemctl restart kubelet")
	if s, err := e.Status(); err != nil || s.Bypass != nil {
		t.Errorf("the bypass is still on: %v, %v", s.Bypass, err)
	}
	d.end(t)
}

// A successor takes the link over with the listener, also one that is to be elsewhere.
func TestLinkAfterHandOver(t *testing.T) {
	t.Parallel()
	p, e := newLinkedPlace(t)
	d := p.serve(t, extras{})
	works(t, p)
	leadsTo(t, e, bypass.ToShim)
	p.config.KubeletEndpoint = "unix://" + filepath.Join(p.dir, "shim", "run", "crio", "crio.sock")
	p.write(t)
	d.signal(t, syscall.SIGHUP)
	d.successorOf(t, 1)
	leadsTo(t, endpointsOf(p.config), bypass.ToShim)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "unix", pathOf(p.config.KubeletEndpoint))
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}

// In the modes that are not in the path of kubelet's calls the endpoint leads to the runtime,
// from the start and when a hand-over has changed the mode; that is no bypass.
func TestLinkInOtherModes(t *testing.T) {
	t.Parallel()
	for _, mode := range []config.Mode{config.ModeObserve, config.ModeManage} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			p, e := newLinkedPlace(t)
			p.config.Mode = mode
			d := p.serve(t, extras{})
			leadsTo(t, e, bypass.ToRuntime)
			if out, err := p.command(t, "bypass", "off"); err != nil || !strings.Contains(out, "as ever in mode "+string(mode)) {
				t.Errorf("bypass off: %v\n%s", err, out)
			}
			p.config.Mode = config.ModeProxy
			p.write(t)
			d.signal(t, syscall.SIGHUP)
			d.successorOf(t, 1)
			leadsTo(t, e, bypass.ToShim)
			if said := d.said("bypass"); len(said) > 0 {
				t.Errorf("it says %q", said)
			}
		})
	}
}

// Another process that hangs while it leads the link does not keep the daemon from beginning
// to serve; when it is gone all that waited is done.
func TestLinkIsHeld(t *testing.T) {
	t.Parallel()
	p, e := newLinkedPlace(t)
	dir := filepath.Dir(e.Shim)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	lock, err := os.Open(dir)
	if err == nil {
		err = unix.Flock(int(lock.Fd()), unix.LOCK_EX)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	log, said := test.NewNullLogger()
	k := newLinkKeeper(p.config, log, prometheus.NewRegistry())
	ctx, cancel := context.WithTimeout(t.Context(), patience) // which it must not use up
	defer cancel()
	k.serves(ctx)
	if ctx.Err() != nil || len(k.reasons()) != 1 || len(said.AllEntries()) != 2 {
		t.Errorf("%v; it is not ready for %q, has said %v", ctx.Err(), k.reasons(), said.AllEntries())
	}
	if s, err := e.Status(); err != nil || s.Way != bypass.Missing {
		t.Errorf("the link leads to %q, %v, beside another process", s.Way, err)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	ended := make(chan error, 1)
	serves := make(chan struct{})
	close(serves)
	go func() { ended <- k.run(ctx, serves) }()
	leadsTo(t, e, bypass.ToShim)
	eventually(t, "the daemon to leave where kubelet is led", func() bool {
		last, err := bypass.Last(dir)
		return err == nil && last == e
	})
	cancel()
	if err := <-ended; err != nil || len(k.reasons()) > 0 {
		t.Errorf("ended with %v, not ready for %q", err, k.reasons())
	}
}

// The exit code of status says whether kubelet's calls come here, go past, or may go nowhere.
func TestBypassStatusCode(t *testing.T) {
	t.Parallel()
	p, e := newLinkedPlace(t)
	code := func(want int, what string) {
		t.Helper()
		said, err := p.command(t, "bypass", "status")
		got := 0
		if exited, ok := errors.AsType[*exec.ExitError](err); ok {
			got = exited.ExitCode()
		}
		if got != want {
			t.Errorf("%s: exit code %d, want %d\n%s", what, got, want, said)
		}
	}
	p.write(t)
	code(2, "no link")
	d := p.serve(t, extras{})
	works(t, p)
	leadsTo(t, e, bypass.ToShim)
	code(0, "through a daemon that serves")
	if out, err := p.command(t, "bypass", "on"); err != nil {
		t.Fatalf("bypass on: %v\n%s", err, out)
	}
	code(3, "a bypass")
	if out, err := p.command(t, "bypass", "off"); err != nil {
		t.Fatalf("bypass off: %v\n%s", err, out)
	}
	d.end(t)
	code(2, "to a daemon that does not serve")
	p.config.Mode = config.ModeManage
	p.write(t)
	if out, err := p.command(t, "bypass", "off"); err != nil {
		t.Fatalf("bypass off: %v\n%s", err, out)
	}
	code(0, "at the runtime in mode manage")
	p.config.RuntimeEndpoint = "unix://" + filepath.Join(p.dir, "nobody.sock")
	p.write(t)
	if out, err := p.command(t, "bypass", "on"); err != nil || !strings.Contains(out, "Nobody listens there") {
		t.Errorf("bypass on: %v\n%s", err, out)
	}
	code(2, "at a runtime that is not there")
	if err := errors.Join(os.Remove(e.Link), os.WriteFile(e.Link, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	code(1, "a file in the place of the link")
}

// Whoever may not lead kubelet, or cannot where nothing can be written, is told what that
// means and what to do.
func TestCannotLead(t *testing.T) {
	t.Parallel()
	n := node{endpoints: bypass.Endpoints{Link: "/run/link", Runtime: "/run/runtime"}}
	for cause, words := range map[error][]string{
		&os.PathError{Op: "mkdir", Path: "/run/x", Err: syscall.EACCES}: {"/run/link", "left as it is", "only root", "mkdir /run/x"},
		errors.Join(errors.New("other"), syscall.EROFS):                 {"/run/link", "containerRuntimeEndpoint", "unix:///run/runtime", "restart it"},
	} {
		for _, word := range words {
			if err := n.stays(cause); !errors.Is(err, cause) || !strings.Contains(err.Error(), word) {
				t.Errorf("%q does not say %q", err, word)
			}
		}
	}
}
