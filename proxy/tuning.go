package proxy

import (
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
)

// maxMessage limits one message, in bytes. kubelet and containerd agree on
// 16 MiB each. The limit here is only there so that a broken peer cannot fill
// the memory: it lies well above theirs, so that the ends decide, and say so in
// their own words.
const maxMessage = 64 << 20

func dialTuning() []grpc.DialOption {
	return nil
}

func serverTuning() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.MaxRecvMsgSize(maxMessage),
		grpc.MaxSendMsgSize(maxMessage),
		// A client that pings is let be. grpc-go would hang up on one that pings
		// more often than every five minutes, and a local socket has nothing to
		// protect.
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{
			MinTime:             time.Second,
			PermitWithoutStream: true,
		}),
	}
}
