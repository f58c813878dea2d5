// Package proxy forwards the Container Runtime Interface from one unix socket
// to another. It stands between a client such as kubelet and a runtime such as
// containerd, and what arrives on either side is what would have arrived
// without it: bytes of the messages, metadata, headers, trailers, status,
// deadline and cancellation.
//
// One handler serves every method, known or not. Messages travel as frames,
// undecoded and by reference, so that a field or a method that a later CRI
// brings is forwarded by a proxy that was built before it.
//
// The package knows the shape of CRI (which methods exist and whether they
// stream) and nothing of what they do. In particular it knows nothing of logs:
// that is the business of the interceptors that a caller passes in.
//
// # Known limits
//
// A few things belong to one hop in gRPC, and cannot be carried over two:
//
//   - The runtime sees the user agent of this process. grpc-go sets it per
//     connection and drops a user-agent in the metadata of a call.
//   - The runtime sees the pid and uid of this process as its peer.
//   - The content type upstream is application/grpc+proto, also for a client
//     that says application/grpc. The two mean the same.
//   - Compression is negotiated per hop. A gzip message is unpacked here, sent
//     on plain, and its answer is packed again for the client that asked.
//   - Metadata whose values are neither binary (-bin) nor printable ASCII is
//     answered with Internal, as grpc-go clients would do themselves.
//   - A deadline is sent on as the time that is left of it.
package proxy
