package criruntime

import (
	"fmt"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/cri-logshim/cri-logshim/logmgr"
)

// The fields of ListContainersResponse and Container that a list is made of.
const (
	listContainers = protowire.Number(1)
	containerID    = protowire.Number(1)
	containerState = protowire.Number(6)
)

// listing is a ListContainersResponse of which only ids and states are decoded. A
// list is asked for every few seconds, and nearly all of it is labels and
// annotations that nobody here reads.
type listing []logmgr.Listed

// listCodec decodes a listing, and leaves every other message to the ordinary
// protobuf codec, whose name it has: the name becomes part of the content type.
type listCodec struct{ encoding.CodecV2 }

func newListCodec() listCodec { return listCodec{encoding.GetCodecV2(proto.Name)} }

func (c listCodec) Unmarshal(data mem.BufferSlice, v any) error {
	l, ok := v.(*listing)
	if !ok {
		return c.CodecV2.Unmarshal(data, v)
	}
	buffer := data.MaterializeToBuffer(mem.DefaultBufferPool())
	defer buffer.Free()
	return l.decode(buffer.ReadOnlyData())
}

// decode replaces the listing by what an encoded ListContainersResponse says. It
// keeps nothing of data.
func (l *listing) decode(data []byte) error {
	*l = (*l)[:0]
	return eachField(data, func(f field) error {
		if f.number != listContainers || f.kind != protowire.BytesType {
			return nil
		}
		listed, err := decodeContainer(f.bytes)
		if err != nil {
			return fmt.Errorf("decode container %d of the list: %w", len(*l), err)
		}
		*l = append(*l, listed)
		return nil
	})
}

func decodeContainer(data []byte) (logmgr.Listed, error) {
	var listed logmgr.Listed
	var number cri.ContainerState
	err := eachField(data, func(f field) error {
		switch {
		case f.number == containerID && f.kind == protowire.BytesType:
			listed.ID = string(f.bytes)
		case f.number == containerState && f.kind == protowire.VarintType:
			number = cri.ContainerState(int32(f.varint)) // as protobuf reads an enum
		}
		return nil
	})
	listed.State = state(number)
	return listed, err
}

// field is one field of an encoded message: a varint, or bytes, or something that is
// passed over and has neither.
type field struct {
	number protowire.Number
	kind   protowire.Type
	varint uint64
	bytes  []byte // part of the message
}

// eachField calls f with every field of an encoded message in its order.
func eachField(data []byte, f func(field) error) error {
	for len(data) > 0 {
		var one field
		var n int
		one.number, one.kind, n = protowire.ConsumeTag(data)
		if n < 0 {
			return fmt.Errorf("parse a field's tag: %w", protowire.ParseError(n))
		}
		data = data[n:]
		switch one.kind {
		case protowire.VarintType:
			one.varint, n = protowire.ConsumeVarint(data)
		case protowire.BytesType:
			one.bytes, n = protowire.ConsumeBytes(data)
		default:
			n = protowire.ConsumeFieldValue(one.number, one.kind, data)
		}
		if n < 0 {
			return fmt.Errorf("parse field %d: %w", one.number, protowire.ParseError(n))
		}
		data = data[n:]
		if err := f(one); err != nil {
			return err
		}
	}
	return nil
}
