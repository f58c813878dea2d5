package statuspage

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/cri-logshim/cri-logshim/config"
	"github.com/cri-logshim/cri-logshim/test/integration/testbed"
)

// The real daemon before a real containerd has the page at its admin socket. An operator's browser
// comes there through a forwarded port, sees the log that grows and its rotations, and what the daemon
// was asked to do; a page of another name that was led to the port gets nothing.
func TestPageOfTheRealDaemon(t *testing.T) {
	programs, err := testbed.Build(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	install, err := testbed.Installed(testbed.Newest)
	if err != nil {
		t.Fatal(err)
	}
	containerd, err := testbed.New(t.Context(), install, programs)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closes(t, containerd) })
	shim, err := testbed.NewShim(t.Context(), containerd, programs, func(c *config.Configuration) {
		c.Rotation.MaxSize = 1 << 20
		c.Node.MaxBytes = 1 << 30
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closes(t, shim) })
	client, err := shim.Dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closes(t, client) })
	pod, err := client.RunPod(t.Context(), containerd.PodConfig("shop", "flooding"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pod.Run(t.Context(), testbed.ContainerConfig("app", 0, "seqwriter", "-stream=both", "-rate=1000000")); err != nil {
		t.Fatal(err)
	}

	port := forward(t, strings.TrimPrefix(shim.Config.Admin.Listen, "unix://"))
	b := newBrowser(t, desk())
	b.open("http://localhost:" + port + "/")
	b.until(`document.querySelector('#rows .title')?.innerText.startsWith('shop/flooding')`)
	b.until(`/[0-9] [KM]iB\/s/.test(document.querySelector('#rows [data-f=rate]').textContent)`)
	b.until(`Number(document.querySelector('#rows [data-f=rotations]').textContent) > 1`)
	b.until(`document.getElementById('state').textContent === 'Ready'`)
	b.until(`document.getElementById('events').textContent.includes('Serving')`)
	b.until(`document.getElementById('bounds').textContent.includes('of 1.0 GiB for logs')`)
	for selector, text := range map[string]string{"#runtime": "containerd " + install.Version, "#mode": "mode proxy", "#runtime-more": "ready", "#rows .c-state": "running"} {
		if got := b.text(selector); !strings.HasPrefix(got, text) {
			t.Errorf("%s is %q, want %q", selector, got, text)
		}
	}
	b.click("#rows button.title")
	if details := b.text(".details"); !strings.Contains(details, "rotated at 1.0 MiB") || !strings.Contains(details, "/flooding") && !strings.Contains(details, "_flooding_") {
		t.Errorf("the details are %q", details)
	}

	// The name is another's, the port is ours.
	stranger := newBrowser(t, desk(), "MAP stranger.example 127.0.0.1")
	response := stranger.ask("http://stranger.example:" + port + "/v1/logs")
	if response.Status != 421 || strings.Contains(stranger.text("body"), "flooding") {
		t.Errorf("under another name the socket answers %d %q", response.Status, stranger.text("body"))
	}
	stranger.forgive("421")
	stranger.forgive("404") // a browser looks for an icon by itself
}

func closes(t *testing.T, c io.Closer) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Errorf("clean up: %v", err)
	}
}

// forward does what ssh does with -L: connections to a port of the loopback go on to a unix socket.
func forward(t *testing.T, socket string) (port string) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	t.Cleanup(func() {
		closes(t, listener)
		all.Wait()
	})
	all.Go(func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return // the end of the test
			}
			to, err := new(net.Dialer).DialContext(t.Context(), "unix", socket)
			if err != nil {
				t.Error(err)
				_ = from.Close()
				continue
			}
			for _, pair := range [][2]net.Conn{{from, to}, {to, from}} {
				all.Go(func() {
					// Whichever side ends first ends the other.
					_, _ = io.Copy(pair[0], pair[1])
					_ = from.Close()
					_ = to.Close()
				})
			}
		}
	})
	_, port, err = net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
