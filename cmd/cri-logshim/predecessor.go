package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/cri-logshim/cri-logshim/proxy"
)

// predecessor is the process that hands over to this one.
type predecessor struct {
	line      *line
	listeners map[string]inheritedListener // by setting; not yet taken
	owned     []*proxy.Listener            // those whose socket goes with them, once this process serves
}

// errAbandoned says that the predecessor goes on instead.
var errAbandoned = errors.New("the process before this one goes on instead")

// findPredecessor takes over what a predecessor has passed on; nil if there is none.
func findPredecessor() (_ *predecessor, err error) {
	text, is := os.LookupEnv(inheritanceVariable)
	if !is {
		return nil, nil //nolint:nilnil // A first process has none, which is no error.
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("take over from the process before: %w", err)
		}
	}()
	if err := os.Unsetenv(inheritanceVariable); err != nil {
		return nil, err
	}
	var given inheritance
	if err := json.Unmarshal([]byte(text), &given); err != nil {
		return nil, err
	}
	syscall.CloseOnExec(lineDescriptor)
	p := &predecessor{listeners: map[string]inheritedListener{}}
	if p.line, err = lineAt(lineDescriptor); err != nil {
		return nil, err
	}
	for i, l := range given.Listeners {
		fd := listenerDescriptor + i
		syscall.CloseOnExec(fd)
		if l.listener, err = takeOver(fd); err != nil {
			return nil, fmt.Errorf("%s: %w", l.Setting, err)
		}
		p.listeners[l.Setting] = l
		if socket, is := l.listener.(*proxy.Listener); is && l.Owned {
			p.owned = append(p.owned, socket)
		}
	}
	return p, nil
}

// takeOver makes a listener of a descriptor.
func takeOver(fd int) (net.Listener, error) {
	file := os.NewFile(uintptr(fd), "listener")
	address, err := unix.Getsockname(fd)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	if _, is := address.(*unix.SockaddrUnix); is {
		return proxy.Inherit(file)
	}
	l, err := net.FileListener(file)
	return l, errors.Join(err, file.Close())
}

// listener gives away the listener of a setting, if it has the endpoint; otherwise nil.
func (p *predecessor) listener(setting, endpoint string) net.Listener {
	if p == nil || p.listeners[setting].Endpoint != endpoint {
		return nil
	}
	l := p.listeners[setting].listener
	delete(p.listeners, setting)
	return l
}

// ready says that this process can serve, connected to the runtime or not, and waits until it is to. A predecessor that
// ends instead of answering has left all to it.
func (p *predecessor) ready(ctx context.Context, connected bool) error {
	if !connected {
		return p.step(ctx, wordAway, wordServe)
	}
	return p.step(ctx, wordReady, wordServe)
}

// serving says that this process serves, waits until it is the service's main one, and
// lets go of what nobody has taken.
func (p *predecessor) serving(ctx context.Context) error {
	if p == nil {
		return nil
	}
	if err := p.step(ctx, wordServing, wordMain); err != nil {
		return err
	}
	var errs []error
	for _, l := range p.owned {
		errs = append(errs, l.Own())
	}
	return errors.Join(append(errs, p.close())...)
}

func (p *predecessor) step(ctx context.Context, say, want string) error {
	if err := p.line.say(say); err != nil {
		return nil //nolint:nilerr // It has ended: there is nobody to wait for.
	}
	_, err := p.line.hear(ctx, want)
	if err == nil || errors.Is(err, errGone) {
		return nil
	}
	if ctx.Err() != nil {
		return err
	}
	return errAbandoned
}

// close lets go of listeners that nobody has taken, and of the line.
func (p *predecessor) close() error {
	if p == nil {
		return nil
	}
	errs := []error{p.line.Close()}
	for _, l := range p.listeners {
		errs = append(errs, l.listener.Close())
	}
	return errors.Join(errs...)
}
