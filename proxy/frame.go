package proxy

import (
	"errors"
	"fmt"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
)

// errFrameSent is what a frame answers whose buffers gRPC owns already.
var errFrameSent = errors.New("the frame was sent already")

// Frame is one gRPC message that has not been decoded. RecvMsg receives into
// it and SendMsg sends from it, by reference and without a copy.
//
// A frame owns its buffers from RecvMsg until SendMsg. From then on they belong
// to gRPC, which gives them to the next message when it has written them out.
// So an interceptor that wants to know what a message says decodes it before it
// passes it on. The zero value is an empty message. A frame is not safe for use
// by several goroutines at once.
type Frame struct {
	data mem.BufferSlice
	sent bool
}

// Decode parses the message into m and leaves the frame as it is. It is an
// error after the frame was sent.
func (f *Frame) Decode(m proto.Message) error {
	if f.sent {
		return fmt.Errorf("decode %s: %w", name(m), errFrameSent)
	}
	data := f.data.MaterializeToBuffer(mem.DefaultBufferPool())
	defer data.Free()
	if err := proto.Unmarshal(data.ReadOnlyData(), m); err != nil {
		return fmt.Errorf("decode %s: %w", name(m), err)
	}
	return nil
}

// Replace makes m what is sent instead of the message that was received. It is
// an error after the frame was sent; on any error the frame stays as it was.
func (f *Frame) Replace(m proto.Message) error {
	if f.sent {
		return fmt.Errorf("replace by %s: %w", name(m), errFrameSent)
	}
	data, err := proto.Marshal(m)
	if err != nil {
		return fmt.Errorf("replace by %s: %w", name(m), err)
	}
	f.data.Free()
	f.data = mem.BufferSlice{mem.SliceBuffer(data)}
	return nil
}

// receive takes a reference of its own to data, in place of what the frame held.
func (f *Frame) receive(data mem.BufferSlice) {
	data.Ref()
	f.data.Free()
	f.data, f.sent = data, false
}

// send hands the buffers over to the caller. It can be done once per message.
func (f *Frame) send() (mem.BufferSlice, error) {
	if f.sent {
		return nil, fmt.Errorf("send: %w", errFrameSent)
	}
	data := f.data
	f.data, f.sent = nil, true
	return data, nil
}

// free gives back the buffers of a frame that was never sent.
func (f *Frame) free() {
	f.data.Free()
	f.data = nil
}

func name(m proto.Message) string {
	return string(m.ProtoReflect().Descriptor().FullName())
}
