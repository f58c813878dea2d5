package proxy

import (
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
)

// codec passes frames on as they are, and leaves every other message to the
// ordinary protobuf codec: those of the health service, and those of an
// interceptor that answers a call by itself.
//
// Its name is that of the ordinary codec, since the name becomes part of the
// content type. It is not registered in its place: other gRPC servers and
// clients of the process keep their own.
type codec struct {
	messages encoding.CodecV2
}

func newCodec() codec {
	return codec{messages: encoding.GetCodecV2(proto.Name)}
}

func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	if f, ok := v.(*Frame); ok {
		return f.send()
	}
	return c.messages.Marshal(v)
}

func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	if f, ok := v.(*Frame); ok {
		f.receive(data)
		return nil
	}
	return c.messages.Unmarshal(data, v)
}

func (codec) Name() string { return proto.Name }
