package proxy

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
)

// dial makes the connection to a runtime's socket. It does not wait for the
// runtime, nor does a call: while there is none a call fails at once with
// Unavailable, as it would without a proxy.
func dial(path string) (*grpc.ClientConn, error) {
	conn, err := grpc.NewClient(target(path), append(dialTuning(),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		// What kubelet's own connection sends. A path would be refused by
		// servers that check the header.
		grpc.WithAuthority("localhost"),
		// An http_proxy in the environment is not for a local socket.
		grpc.WithNoProxy(),
		// A socket that is tried costs next to nothing, and a node without its
		// runtime does no work: come back within a second. There is one client
		// per socket, so there is no crowd for jitter to spread.
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff: backoff.Config{
				BaseDelay:  100 * time.Millisecond,
				Multiplier: 1.6,
				MaxDelay:   time.Second,
			},
			MinConnectTimeout: 20 * time.Second,
		}),
		// Never idle: an idle connection is not looked after, and the next call
		// would pay for the connect.
		grpc.WithIdleTimeout(0),
		grpc.WithDisableServiceConfig(),
		grpc.WithDefaultCallOptions(
			grpc.ForceCodecV2(newCodec()),
			grpc.MaxCallRecvMsgSize(maxMessage),
			grpc.MaxCallSendMsgSize(maxMessage),
		),
	)...)
	if err != nil {
		return nil, fmt.Errorf("dial %q: %w", path, err)
	}
	// The connection is made now and not with the first call.
	conn.Connect()
	return conn, nil
}

// watchState calls seen with the state of the connection and with every later
// one, until ctx is done or the connection is closed. States that follow each
// other quickly may be seen as one.
//
// It also keeps the connection from resting: grpc-go goes idle when a connection
// is lost and stays so until somebody calls.
func watchState(ctx context.Context, conn *grpc.ClientConn, seen func(connectivity.State)) {
	for {
		state := conn.GetState()
		if state == connectivity.Shutdown {
			return
		}
		if state == connectivity.Idle {
			conn.Connect()
		}
		seen(state)
		if !conn.WaitForStateChange(ctx, state) {
			return
		}
	}
}
