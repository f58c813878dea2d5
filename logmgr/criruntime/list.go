package criruntime

import (
	"errors"
	"fmt"
	"io"
	"slices"

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
type listing struct {
	all   []logmgr.Listed
	names names  // of the lists before; nil: none are kept
	begun []byte // of what goes on in the next piece
}

// listCodec decodes a listing, and leaves every other message to the ordinary
// protobuf codec, whose name it has: the name becomes part of the content type.
type listCodec struct{ encoding.CodecV2 }

func newListCodec() listCodec { return listCodec{encoding.GetCodecV2(proto.Name)} }

func (c listCodec) Unmarshal(data mem.BufferSlice, v any) error {
	l, ok := v.(*listing)
	if !ok {
		return c.CodecV2.Unmarshal(data, v)
	}
	return l.decode(data)
}

// decode replaces the listing by what an encoded ListContainersResponse says. It
// keeps nothing of data, and joins no more of it than one container at a time: a list
// may be megabytes long, and comes every few seconds.
func (l *listing) decode(data mem.BufferSlice) error {
	l.all, l.begun = l.all[:0], l.begun[:0]
	for _, piece := range data {
		l.begun = append(l.begun, piece.ReadOnlyData()...)
		n, err := l.take(l.begun)
		if err != nil {
			return err
		}
		l.begun = l.begun[:copy(l.begun, l.begun[n:])]
	}
	if len(l.begun) > 0 {
		return fmt.Errorf("the list of containers ends early: %w", io.ErrUnexpectedEOF)
	}
	return nil
}

// take adds the containers at the beginning of data and returns how many bytes
// those are, without a field of which there is more to come.
func (l *listing) take(data []byte) (n int, err error) {
	for n < len(data) {
		f, length, err := consumeField(data[n:])
		switch {
		case errors.Is(err, io.ErrUnexpectedEOF):
			return n, nil
		case err != nil:
			return n, err
		case f.number == listContainers && f.kind == protowire.BytesType:
			if err := l.takeContainer(f.bytes); err != nil {
				return n, fmt.Errorf("decode container %d of the list: %w", len(l.all), err)
			}
		}
		n += length
	}
	return n, nil
}

func (l *listing) takeContainer(data []byte) error {
	var id []byte
	var number cri.ContainerState
	err := eachField(data, func(f field) {
		switch {
		case f.number == containerID && f.kind == protowire.BytesType:
			id = f.bytes
		case f.number == containerState && f.kind == protowire.VarintType:
			number = cri.ContainerState(int32(f.varint)) // as protobuf reads an enum
		}
	})
	l.all = append(l.all, logmgr.Listed{ID: l.names.of(id), State: state(number)})
	return err
}

// names are the ids that a list has told. The next list, which is nearly the same, is
// given the same strings again.
type names map[string]string

func (n names) of(id []byte) string {
	name, known := n[string(id)]
	if !known {
		name = string(id)
		if n != nil {
			n[name] = name
		}
	}
	return name
}

// trim forgets what the next list has no use for. Names of containers that are gone
// stay for a while: a map whose entries are told apart at every list costs more.
func (l *listing) trim() {
	const spare, longest = 64, 64 << 10 // names, bytes
	if len(l.names) > len(l.all)+len(l.all)/4+spare {
		l.names = make(names, len(l.all))
		for _, c := range l.all {
			l.names[c.ID] = c.ID
		}
	}
	if cap(l.begun) > longest {
		l.begun = nil
	}
	if cap(l.all) > 2*len(l.all)+spare {
		l.all = slices.Clip(slices.Clone(l.all))
	}
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
func eachField(data []byte, f func(field)) error {
	for len(data) > 0 {
		one, n, err := consumeField(data)
		if err != nil {
			return err
		}
		data = data[n:]
		f(one)
	}
	return nil
}

// consumeField returns the first field of an encoded message, and how long it is. The
// error is io.ErrUnexpectedEOF if the field goes on after the end of data.
func consumeField(data []byte) (f field, length int, err error) {
	number, kind, tag := protowire.ConsumeTag(data)
	if tag < 0 {
		return field{}, 0, fmt.Errorf("parse a field's tag: %w", protowire.ParseError(tag))
	}
	f = field{number: number, kind: kind}
	var n int
	switch kind {
	case protowire.VarintType:
		f.varint, n = protowire.ConsumeVarint(data[tag:])
	case protowire.BytesType:
		f.bytes, n = protowire.ConsumeBytes(data[tag:])
	default:
		n = protowire.ConsumeFieldValue(number, kind, data[tag:])
	}
	if n < 0 {
		return field{}, 0, fmt.Errorf("parse field %d: %w", number, protowire.ParseError(n))
	}
	return f, tag + n, nil
}
