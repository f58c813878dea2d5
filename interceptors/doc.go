// Package interceptors holds the gRPC stream interceptors on the few CRI
// methods that concern container logs. Each is a hook: it sees a typed request,
// may change it, may answer it, and learns the outcome. It hands what it has
// learned to the log manager and knows nothing of how logs are managed.
//
// A hook never makes a call fail, and never changes the answer of one that
// would have been the same without it: when it panics, or when a message cannot
// be decoded, the original bytes are forwarded.
package interceptors
