package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// readyTimeout is what a path is given to carry its first call.
const readyTimeout = 15 * time.Second

// path is one way from the client to the canned runtime: one connection, as
// kubelet has, and the proxy on the way, if there is one.
type path struct {
	name   string
	proxy  *process // nil on the direct path
	conn   *grpc.ClientConn
	client runtimeapi.RuntimeServiceClient
	events *eventStream
}

// dialSocket makes a client of a unix socket. It does not wait for the server.
func dialSocket(socket string) (*grpc.ClientConn, error) {
	return grpc.NewClient("unix://"+socket,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage)))
}

// openPath waits until a socket answers, and begins to listen to container
// events on it until ctx is done, since a kubelet does so all the time. The wait ends with readying.
func openPath(ctx, readying context.Context, name, socket string, proxy *process) (*path, error) {
	conn, err := dialSocket(socket)
	if err != nil {
		return nil, err
	}
	p := &path{name: name, proxy: proxy, conn: conn, client: runtimeapi.NewRuntimeServiceClient(conn)}
	if err := p.ready(readying); err != nil {
		return nil, errors.Join(fmt.Errorf("first call on path %s: %w", name, err), conn.Close())
	}
	p.events = listenToEvents(ctx, p.client)
	return p, nil
}

// ready makes calls until one succeeds: a proxy may serve before it has found its runtime.
func (p *path) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for {
		_, err := p.client.Version(ctx, &runtimeapi.VersionRequest{}, grpc.WaitForReady(true))
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// close ends the event stream and the connection. That no event came, though it was time for many, is an error.
func (p *path) close() error {
	err := p.events.stop()
	if err != nil {
		err = fmt.Errorf("events on path %s: %w", p.name, err)
	}
	return errors.Join(err, p.conn.Close())
}

// eventStream reads container events until it is stopped.
type eventStream struct {
	cancel   context.CancelFunc
	reader   sync.WaitGroup
	began    time.Time
	received int
	err      error
}

func listenToEvents(ctx context.Context, client runtimeapi.RuntimeServiceClient) *eventStream {
	ctx, cancel := context.WithCancel(ctx)
	e := &eventStream{cancel: cancel, began: time.Now()}
	e.reader.Go(func() {
		in, err := client.GetContainerEvents(ctx, &runtimeapi.GetEventsRequest{})
		for err == nil {
			if _, err = in.Recv(); err == nil {
				e.received++
			}
		}
		if ctx.Err() == nil {
			e.err = err
		}
	})
	return e
}

func (e *eventStream) stop() error {
	e.cancel()
	e.reader.Wait()
	switch {
	case errors.Is(e.err, io.EOF):
		return errors.New("the stream ended before it was cancelled")
	case e.err != nil:
		return e.err
	case e.received == 0 && time.Since(e.began) > 20*eventInterval:
		return errors.New("none was received")
	}
	return nil
}
