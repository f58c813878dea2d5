package testbed

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
)

// HoldSocket makes the shim's CRI socket and passes it to every process that is started
// from then on, as systemd does for a service that has a socket unit: who connects while
// no process runs waits for the next one. The shim must not be running. Close lets go
// of the socket and removes it.
func (s *Shim) HoldSocket() error {
	if s.Running() {
		return errors.New("hold the socket of cri-logshim: it runs")
	}
	if err := os.Remove(socketOf(s.Config.Listen)); err != nil && !errors.Is(err, os.ErrNotExist) { // of one that was killed
		return fmt.Errorf("hold the socket of cri-logshim: %w", err)
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: socketOf(s.Config.Listen), Net: "unix"})
	if err != nil {
		return fmt.Errorf("hold the socket of cri-logshim: %w", err)
	}
	file, err := listener.File()
	if err != nil {
		return errors.Join(fmt.Errorf("hold the socket of cri-logshim: %w", err), listener.Close())
	}
	s.held = &heldSocket{listener: listener, file: file}
	return nil
}

// heldSocket is a listening socket and the copy of it that is passed on.
type heldSocket struct {
	listener *net.UnixListener
	file     *os.File
}

// release closes the socket and removes it.
func (h *heldSocket) release() error { return errors.Join(h.file.Close(), h.listener.Close()) }

// passTo makes a command that is not started yet find the socket. Its process id is to be
// told in its environment, so it is put behind a shell that becomes it.
func (h *heldSocket) passTo(cmd *exec.Cmd) {
	const becomeIt = `LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"`
	cmd.Args = append([]string{"sh", "-c", becomeIt, "sh"}, cmd.Args...)
	cmd.Path = "/bin/sh"
	cmd.ExtraFiles = []*os.File{h.file}
}
