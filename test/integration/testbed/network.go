package testbed

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// NodeAddress is the one that a node has in a Network. It is none of a loopback, which an API server
// passes nothing on to, and one that is kept for measuring, so it is nowhere else.
const NodeAddress = "198.18.0.1"

// Network is a network namespace that nothing leads into but the processes in it. The kernel takes it
// away with the last of them. A nil Network is the machine's own.
type Network struct{ namespace *os.File }

// NewNetwork makes a network with 127.0.0.1 and NodeAddress.
func NewNetwork() (*Network, error) {
	n := &Network{}
	err := onThread(func() (err error) {
		if err = unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return err
		}
		if n.namespace, err = os.Open("/proc/thread-self/ns/net"); err != nil {
			return err
		}
		return addAddress(NodeAddress)
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make a network: %w", err), n.Close())
	}
	return n, nil
}

// Close lets go of the network. Processes in it keep it.
func (n *Network) Close() error {
	if n == nil || n.namespace == nil {
		return nil
	}
	return n.namespace.Close()
}

// address is the one that a node listens on.
func (n *Network) address() string {
	if n == nil {
		return "127.0.0.1"
	}
	return NodeAddress
}

// wrapper makes a command be in the network, as the prefix of its command line: the process stays the
// same one.
func (n *Network) wrapper() []string {
	if n == nil {
		return nil
	}
	return []string{"nsenter", fmt.Sprintf("--net=/proc/%d/fd/%d", os.Getpid(), n.namespace.Fd()), "--"}
}

// client is an HTTP client in the network, whose servers sign for themselves.
func (n *Network) client(transport *http.Transport) *http.Client {
	transport.DialContext = n.Dial
	return &http.Client{Transport: transport, Timeout: 10 * time.Second}
}

// Dial connects to an address in the network, which must not be a name.
func (n *Network) Dial(ctx context.Context, network, address string) (conn net.Conn, err error) {
	if n == nil {
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	err = onThread(func() (err error) {
		if err = unix.Setns(int(n.namespace.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("enter the network: %w", err)
		}
		conn, err = new(net.Dialer).DialContext(ctx, network, address)
		return err
	})
	return conn, err
}

// onThread runs what changes the network of its thread, and changes that back: were the thread to end, so would
// the processes that it has started and that are to end with us.
func onThread(change func() error) (err error) {
	runtime.LockOSThread()
	before, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	err = change()
	if back := unix.Setns(int(before.Fd()), unix.CLONE_NEWNET); back != nil {
		return errors.Join(err, back, before.Close()) // nobody else gets the thread
	}
	runtime.UnlockOSThread()
	return errors.Join(err, before.Close())
}

// addAddress sets the loopback device up, which has 127.0.0.1 then, and gives it another address.
func addAddress(address string) error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(socket)
	device, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	device.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, device); err != nil {
		return fmt.Errorf("set %q up: %w", "lo", err)
	}
	second, err := unix.NewIfreq("lo:1")
	if err != nil {
		return err
	}
	if err := second.SetInet4Addr(net.ParseIP(address).To4()); err != nil {
		return err
	}
	if err := unix.IoctlIfreq(socket, unix.SIOCSIFADDR, second); err != nil {
		return fmt.Errorf("add address %s: %w", address, err)
	}
	return nil
}
