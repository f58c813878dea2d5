package integration

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/transport/spdy"
)

// stream does with the address that Exec or Attach answered what kubectl does with it, and
// tells how it ended.
func stream(ctx context.Context, address string, stdin io.Reader, stdout io.Writer) string {
	ctx, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	to, err := url.Parse(address)
	if err != nil {
		return err.Error()
	}
	executor, err := remotecommand.NewSPDYExecutor(&rest.Config{}, http.MethodPost, to)
	if err != nil {
		return err.Error()
	}
	var stderr bytes.Buffer
	err = executor.StreamWithContext(ctx, remotecommand.StreamOptions{
		Stdin: stdin, Stdout: stdout, Stderr: &stderr,
	})
	return fmt.Sprintf("stderr %q, error %v", stderr.String(), err)
}

// forward sends text to a port of a pod by the address that PortForward answered, and
// tells what came back.
func forward(address string, port int, text string) (back string, err error) {
	to, err := url.Parse(address)
	if err != nil {
		return "", err
	}
	transport, upgrader, err := spdy.RoundTripperFor(&rest.Config{})
	if err != nil {
		return "", err
	}
	dialer := spdy.NewDialer(upgrader, &http.Client{Transport: transport}, http.MethodPost, to)
	stop, ready := make(chan struct{}), make(chan struct{})
	forwarder, err := portforward.NewOnAddresses(dialer, []string{"127.0.0.1"}, []string{fmt.Sprintf("0:%d", port)}, stop, ready, io.Discard, io.Discard)
	if err != nil {
		return "", err
	}
	ended := make(chan error, 1)
	go func() { ended <- forwarder.ForwardPorts() }()
	select {
	case err := <-ended:
		return "", errors.Join(errors.New("forwarding ended at once"), err)
	case <-ready:
	}
	defer func() {
		close(stop)
		err = errors.Join(err, <-ended)
	}()
	ports, err := forwarder.GetPorts()
	if err != nil {
		return "", err
	}
	return ask(fmt.Sprintf("127.0.0.1:%d", ports[0].Local), text)
}

// ask sends text over TCP and returns the answer, of the same length.
func ask(address, text string) (string, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return "", err
	}
	answer := make([]byte, len(text))
	_, err = io.WriteString(conn, text)
	if err == nil {
		_, err = io.ReadFull(conn, answer)
	}
	return string(answer), errors.Join(err, conn.Close())
}

// shout is a TCP server that answers everything in capitals. Pods share its network.
func shout(t *testing.T) (port int) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			buffer := make([]byte, 1024)
			for {
				n, err := conn.Read(buffer)
				if err != nil {
					break
				}
				_, _ = conn.Write(bytes.ToUpper(buffer[:n]))
			}
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		if err := listener.Close(); err != nil {
			t.Error(err)
		}
		<-ended
	})
	return listener.Addr().(*net.TCPAddr).Port
}
