package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"
	"time"

	"github.com/cri-logshim/cri-logshim/bypass"
)

// takeAlong says what brings a kubelet along that has connections elsewhere.
const takeAlong = "Now: systemctl restart kubelet, which no pod notices; the connections that it has stay where they are until then"

// on puts the bypass on.
func (n node) on(ctx context.Context, out, stderr io.Writer, reason string) error {
	err := n.endpoints.Lead(ctx, bypass.State{Since: time.Now(), Reason: reason})
	var unrecorded *bypass.RecordError
	if err != nil && !errors.As(err, &unrecorded) {
		return n.stays(err)
	}
	if wayOf(n.mode) == bypass.ToRuntime {
		fmt.Fprintf(out, "kubelet's endpoint %s leads to the runtime, %s, as ever in mode %s, and stays there in every mode\n", n.endpoints.Link, n.endpoints.Runtime, n.mode)
	} else {
		fmt.Fprintf(out, "kubelet's endpoint %s now leads to the runtime, %s\n%s\n", n.endpoints.Link, n.endpoints.Runtime, takeAlong)
	}
	fmt.Fprintln(out, "Back: cri-logshim bypass off")
	if err := listens(ctx, n.endpoints.Runtime); err != nil {
		fmt.Fprintf(stderr, "Nobody listens there (%v): kubelet has no runtime until somebody does; --runtime-endpoint names another.\n", err)
	}
	if unrecorded != nil {
		return fmt.Errorf("a daemon that serves will lead it back, since it cannot be told to leave it: %w", unrecorded)
	}
	return nil
}

// off takes the bypass off.
func (n node) off(ctx context.Context, out io.Writer, force bool) error {
	to := wayOf(n.mode)
	if to == bypass.ToShim && !force {
		if err := n.answers(ctx); err != nil {
			return fmt.Errorf("cri-logshim does not answer at %s, so %s. Start it first: systemctl start cri-logshim.service && cri-logshim bypass off (--force leads kubelet there all the same): %w",
				n.endpoints.Shim, n.meanwhile(), err)
		}
	}
	if err := n.endpoints.Return(ctx, to); err != nil {
		return n.stays(err)
	}
	if to == bypass.ToRuntime {
		fmt.Fprintf(out, "kubelet's endpoint %s leads to the runtime, %s, as ever in mode %s\n", n.endpoints.Link, n.endpoints.Runtime, n.mode)
		return nil
	}
	fmt.Fprintf(out, "kubelet's endpoint %s now leads to cri-logshim, %s\n%s\n", n.endpoints.Link, n.endpoints.Shim, takeAlong)
	return nil
}

// answers is nil if a daemon answers where kubelet would be led to.
func (n node) answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, offTime)
	defer cancel()
	return answers(ctx, "unix://"+n.endpoints.Shim)
}

// meanwhile says where kubelet is led while it is not led back.
func (n node) meanwhile() string {
	s, err := n.endpoints.Status()
	switch {
	case err != nil:
		return "kubelet's endpoint is left as it is"
	case s.Way == bypass.ToRuntime:
		return "kubelet stays with the runtime"
	case s.Way == bypass.ToShim:
		return "kubelet, which is led there, has no runtime"
	case s.Way == bypass.Missing:
		return "no link is made for kubelet"
	}
	return "kubelet's endpoint goes on leading to " + s.Target
}

// stays says of a step that has failed what that means for kubelet, and what to do.
func (n node) stays(err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("kubelet's endpoint %s is left as it is, since only root may lead it: %w", n.endpoints.Link, err)
	case errors.Is(err, syscall.EROFS):
		return fmt.Errorf("kubelet's endpoint %s cannot be led elsewhere; set kubelet's own (containerRuntimeEndpoint) to unix://%s, and restart it: %w",
			n.endpoints.Link, n.endpoints.Runtime, err)
	}
	return err
}
