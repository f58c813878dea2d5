package install

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
)

// turn is an installation that takes a node from one mode to another.
type turn struct {
	from string // empty: nothing was installed
	to   string
}

func turns() []turn {
	return []turn{{"", "proxy"}, {"proxy", "manage"}, {"manage", "proxy"}, {"manage", "observe"}}
}

func (u turn) String() string { return fmt.Sprintf("%s to %s", u.from, u.to) }

// begin returns a node that is about to take a turn, and its files as they would be if nothing had
// ever been installed.
func (u turn) begin(t *testing.T) (n *node, before map[string]string) {
	t.Helper()
	if u.from != "" || u.to != "proxy" { // else an installation brings its own configuration
		bare, _ := newNode(t, "kubeadm.txtar")
		bare.configure(u.to)
		before = bare.files()
	}
	n, _ = newNode(t, "kubeadm.txtar")
	if before == nil {
		return n, n.files()
	}
	if u.from != "" {
		n.configure(u.from)
		n.installed()
	}
	n.configure(u.to)
	return n, before
}

// configure writes a configuration with a mode.
func (n *node) configure(mode string) {
	n.t.Helper()
	n.put(configPath, bareConfig+"mode: "+mode+"\n", 0o644)
}

// wantMode holds that a kubelet that was restarted runs as a mode wants it.
func (n *node) wantMode(when, mode string) {
	n.t.Helper()
	endpoint, rotation := n.at, n.before
	switch mode {
	case "proxy":
		endpoint, rotation = n.shim, n.set
	case "manage":
		rotation = n.set
	}
	if n.running != endpoint || n.rotation != rotation || !n.active[service] || !n.enabled[service] {
		n.t.Errorf("%s: in mode %s kubelet runs with %s, its rotation is %q; the service is active %t, enabled %t",
			when, mode, n.running, n.rotation, n.active[service], n.enabled[service])
	}
}

// killed is what a test ends a run with, of which nothing more happens.
type killed struct{}

// cutShort runs until a step, and says whether it got there.
func cutShort(n *node, at int, run func() error) (cut bool, err error) {
	begin := n.steps
	n.fault = func(step int, _ string) error {
		if step-begin == at {
			panic(killed{})
		}
		return nil
	}
	defer func() {
		n.fault = nil
		if r := recover(); r != nil {
			if _, is := r.(killed); !is {
				panic(r)
			}
			cut = true
		}
	}()
	return false, run()
}

// Killed between any two steps, the next run completes or undoes what the one before has
// begun, and kubelet has a runtime all the while.
func TestKilled(t *testing.T) {
	all := Options{RestartKubelet: true}
	for _, u := range turns() {
		t.Run(u.String(), func(t *testing.T) {
			t.Parallel()
			for at, reached := 1, true; reached; at++ {
				follows := []string{"install", "uninstall"}
				if u.from != "" { // the one or the other by turns, for the sake of time
					follows = follows[at%2:][:1]
				}
				for _, next := range follows {
					n, before := u.begin(t)
					var err error
					reached, err = cutShort(n, at, func() error { return n.installer(all).Install(t.Context()) })
					if err != nil {
						t.Fatal(err)
					}
					n.settle(u, next, fmt.Sprintf("installation killed at step %d", at), before)
				}
			}
			if u.to == "observe" {
				return // nothing of kubelet's is left to uninstall
			}
			for at, reached := 1, true; reached; at++ {
				n, before := u.begin(t)
				n.installed()
				var err error
				reached, err = cutShort(n, at, func() error { return n.installer(all).Uninstall(t.Context()) })
				if err != nil {
					t.Fatal(err)
				}
				n.settle(u, "uninstall", fmt.Sprintf("uninstallation killed at step %d", at), before)
			}
		})
	}
}

// settle runs what follows on a run that was killed, and holds that it comes to the same as
// without that.
func (n *node) settle(u turn, next, when string, before map[string]string) {
	n.t.Helper()
	all := Options{RestartKubelet: true}
	if next == "install" {
		if err := n.installer(all).Install(n.t.Context()); err != nil {
			n.t.Fatalf("%s, completed: %v", when, err)
		}
		n.wantMode(when+", completed", u.to)
	}
	if err := n.installer(all).Uninstall(n.t.Context()); err != nil {
		n.t.Fatalf("%s, undone: %v", when, err)
	}
	n.same(when, before)
	if n.running != n.at || n.rotation != n.before || n.active[service] || n.enabled[service] {
		n.t.Errorf("%s, undone: kubelet runs with %s, its rotation is %q; the service is active %t, enabled %t",
			when, n.running, n.rotation, n.active[service], n.enabled[service])
	}
}

// Whichever step fails, once or from then on (as on a full disk), the node is as it was; only
// the very last steps leave an installation that another run completes.
func TestFails(t *testing.T) {
	for name, isFull := range map[string]bool{"one step": false, "no space from a step on": true} {
		for _, u := range turns() {
			t.Run(name+", "+u.String(), func(t *testing.T) {
				t.Parallel()
				for at, reached := 1, true; reached; at++ {
					reached = u.failAt(t, at, isFull)
				}
			})
		}
	}
}

// failAt has a step of a turn fail, and says whether it got there.
func (u turn) failAt(t *testing.T, at int, isFull bool) (reached bool) {
	t.Helper()
	n, before := u.begin(t)
	begun, begin := n.files(), n.steps
	n.fault = func(step int, what string) error {
		step -= begin
		isWrite := strings.HasPrefix(what, "prepare") || strings.HasPrefix(what, "make folder")
		if step != at && !(isFull && step > at && isWrite) || isFull && !isWrite {
			reached = reached || step >= at
			return nil
		}
		reached = true
		return fmt.Errorf("%s: %w", what, syscall.ENOSPC)
	}
	err := n.installer(Options{RestartKubelet: true}).Install(t.Context())
	n.fault = nil
	switch {
	case err == nil:
	case strings.Contains(err.Error(), "run this again") || strings.Contains(err.Error(), "tries again"):
		n.settle(u, "uninstall", fmt.Sprintf("failed at step %d", at), before)
	default:
		n.same(fmt.Sprintf("failed at step %d: %v", at, err), begun)
	}
	return reached
}
