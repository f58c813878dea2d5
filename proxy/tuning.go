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

// Flow control windows, in bytes: of one stream, and of all of a connection.
//
// A window that is set turns off gRPC's estimate of the bandwidth, and with it a
// ping and its answer beside nearly every small call. Measured against gRPC's
// default, as a fraction of it, in turn in one run (median of 85 rounds for the
// small call, of 36 for the list): Version with one caller 0.91, with 16 callers
// 0.98, ListContainers of 500 containers 0.91, by four callers 0.85. Windows of
// 1 MiB are as good for small calls (0.91) and worse for lists (1.06), those of
// 4 MiB more so (0.92 and 1.14). A message larger than the window passes; gRPC
// widens the window for it when somebody reads.
const (
	streamWindow     = 256 << 10
	connectionWindow = 4 * streamWindow
)

// streamWorkers is how many goroutines wait for calls. A call that finds them all
// busy, with streams that last say, has one of its own as without them. They save
// growing a new stack for each call. Measured in the whole daemon, against none, in
// two runs on a busy machine: Version with one caller 0.83 of the time, with 16 callers
// 0.87, CPU 0.86; 8 and 32 are alike, 4 are no gain.
const streamWorkers = 16

// What else was measured and left at gRPC's defaults, as a fraction of them:
// read and write buffers of 64 KiB instead of 32 (small calls 1.00, lists 0.99)
// and of 128 KiB (1.04 and 0.95), a write buffer of its own for each connection
// (1.02 and 1.00), no buffer pool (0.99 and 1.03). All of that is noise or loss.
//
// Worth more than all of this are settings of the process, which are not for a
// package to make: GOMAXPROCS=1 gave 0.90 for Version with one caller and 1.20
// of the throughput with 16, GOGC=400 gave 1.00 and 1.16.

// helloTime is how long a client may take to say what it speaks, from when its connection
// was accepted. A gRPC client says it at once.
const helloTime = 5 * time.Second

func dialTuning() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithStaticStreamWindowSize(streamWindow),
		grpc.WithStaticConnWindowSize(connectionWindow),
	}
}

func serverTuning() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.StaticStreamWindowSize(streamWindow),
		grpc.StaticConnWindowSize(connectionWindow),
		grpc.NumStreamWorkers(streamWorkers),
		// Somebody who connects and says nothing holds up an end for so long.
		grpc.ConnectionTimeout(helloTime),
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
