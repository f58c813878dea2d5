package testbed

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

const (
	serviceV1       = "/runtime.v1."
	serviceV1alpha2 = "/runtime.v1alpha2."
	maxMessage      = 16 << 20 // as kubelet's
)

// Client is a CRI client as kubelet is one: typed, over whichever socket it was given.
type Client struct {
	runtimeapi.RuntimeServiceClient
	runtimeapi.ImageServiceClient
	// Conn is the connection itself, for calls that have no type.
	Conn grpc.ClientConnInterface

	root  string // where the paths of the server's logs begin; empty: at /
	close func() error
}

// Dial makes a client of a unix:// endpoint. It does not wait for a server.
func Dial(endpoint string) (*Client, error) {
	conn, err := newConn(endpoint)
	if err != nil {
		return nil, err
	}
	return newClient(conn, conn.Close), nil
}

// DialV1alpha2 makes a client that says the same under the older name of the API, of
// which every message has kept its form.
func DialV1alpha2(endpoint string) (*Client, error) {
	conn, err := newConn(endpoint)
	if err != nil {
		return nil, err
	}
	return newClient(olderName{conn}, conn.Close), nil
}

func newConn(endpoint string) (*grpc.ClientConn, error) {
	conn, err := grpc.NewClient(endpoint,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithAuthority("localhost"),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage)),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: pollInterval, Multiplier: 1.5, MaxDelay: time.Second / 4},
			MinConnectTimeout: 5 * time.Second,
		}))
	if err != nil {
		return nil, fmt.Errorf("dial %q: %w", endpoint, err)
	}
	return conn, nil
}

func newClient(conn grpc.ClientConnInterface, end func() error) *Client {
	return &Client{
		RuntimeServiceClient: runtimeapi.NewRuntimeServiceClient(conn),
		ImageServiceClient:   runtimeapi.NewImageServiceClient(conn),
		Conn:                 conn,
		close:                end,
	}
}

// Close closes the connection.
func (c *Client) Close() error { return c.close() }

// ready tells whether both services answer and the runtime says that it is ready.
func (c *Client) ready(ctx context.Context) error {
	answer, err := c.Status(ctx, &runtimeapi.StatusRequest{})
	if err != nil {
		return err
	}
	if _, err := c.ListImages(ctx, &runtimeapi.ListImagesRequest{}); err != nil {
		return err
	}
	for _, condition := range answer.GetStatus().GetConditions() {
		if condition.Type == runtimeapi.RuntimeReady && condition.Status {
			return nil
		}
	}
	return errors.New("the runtime is not ready")
}

func (c *Client) hasImage(ctx context.Context, image string) error {
	answer, err := c.ImageStatus(ctx, &runtimeapi.ImageStatusRequest{Image: &runtimeapi.ImageSpec{Image: image}})
	if err == nil && answer.Image == nil {
		err = fmt.Errorf("image %q is not there", image)
	}
	return err
}

// olderName calls v1 methods by their v1alpha2 names.
type olderName struct{ grpc.ClientConnInterface }

func (o olderName) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	return o.ClientConnInterface.Invoke(ctx, rename(method), args, reply, opts...)
}

func (o olderName) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	return o.ClientConnInterface.NewStream(ctx, desc, rename(method), opts...)
}

func rename(method string) string {
	if name, ok := strings.CutPrefix(method, serviceV1); ok {
		return serviceV1alpha2 + name
	}
	return method
}
