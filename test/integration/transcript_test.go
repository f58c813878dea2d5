package integration

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// transcript is what a client was answered, step by step, in a form in which two runs of
// the same steps can be compared: ids are numbered in the order of their appearance, and
// times and measurements are taken out.
type transcript struct {
	steps []step
	ids   map[string]string
}

type step struct {
	name     string
	err      *status.Status
	messages []proto.Message
	text     string // what a stream outside of gRPC carried
}

func newTranscript() *transcript { return &transcript{ids: map[string]string{}} }

// stepTime is enough for any one step on a busy machine.
const stepTime = time.Minute

// call makes a unary call and notes the answer.
func call[Request, Answer proto.Message](ctx context.Context, t *transcript, name string,
	method func(context.Context, Request, ...grpc.CallOption) (Answer, error), request Request,
) Answer {
	ctx, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	answer, err := method(ctx, request)
	var messages []proto.Message
	if err == nil {
		messages = append(messages, answer)
	}
	t.note(name, err, messages...)
	return answer
}

// list makes a server-streaming call and notes all its messages, up to its end.
func list[Request proto.Message, Answer any](ctx context.Context, t *transcript, name string,
	method func(context.Context, Request, ...grpc.CallOption) (grpc.ServerStreamingClient[Answer], error), request Request,
) {
	ctx, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	stream, err := method(ctx, request)
	var messages []proto.Message
	for err == nil {
		var answer *Answer
		if answer, err = stream.Recv(); err == nil {
			messages = append(messages, any(answer).(proto.Message))
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	t.note(name, err, messages...)
}

func (t *transcript) note(name string, err error, messages ...proto.Message) {
	s := step{name: name}
	if err != nil {
		said := status.Convert(err).Proto()
		said.Message = t.rename(said.Message)
		s.err = status.FromProto(said)
	}
	for _, message := range messages {
		message = proto.Clone(message)
		t.settle(message.ProtoReflect())
		s.messages = append(s.messages, message)
	}
	t.steps = append(t.steps, s)
}

// noteText notes what a stream outside of gRPC carried.
func (t *transcript) noteText(name, text string) {
	t.steps = append(t.steps, step{name: name, text: t.rename(text)})
}

var (
	anyID    = regexp.MustCompile(`[0-9a-f]{64}`)
	anyToken = regexp.MustCompile(`/(exec|attach|portforward)/[\w-]+$`)
)

func (t *transcript) rename(text string) string {
	text = anyToken.ReplaceAllString(text, "/$1/<token>")
	return anyID.ReplaceAllStringFunc(text, func(id string) string {
		if t.ids[id] == "" {
			t.ids[id] = fmt.Sprintf("<id %d>", len(t.ids)+1)
		}
		return t.ids[id]
	})
}

// measured are the messages whose numbers are measurements.
var measured = regexp.MustCompile(`(Usage|Stats|Metric|Value)$`)

// settle renames ids and takes out what differs between any two runs.
func (t *transcript) settle(m protoreflect.Message) {
	numbersVary := measured.MatchString(string(m.Descriptor().Name()))
	m.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		name := string(field.Name())
		switch {
		case name == "usage_nano_cores": // needs two measurements to be there at all
			m.Clear(field)
		case field.IsMap():
			t.settleMap(field, value.Map())
		case field.IsList():
			t.settleList(field, value.List())
		case field.Message() != nil:
			t.settle(value.Message())
		case field.Kind() == protoreflect.StringKind:
			m.Set(field, protoreflect.ValueOfString(t.rename(value.String())))
		case strings.HasSuffix(name, "_at") || name == "timestamp":
			m.Clear(field)
		case numbersVary && field.Kind() != protoreflect.EnumKind:
			m.Clear(field)
		}
		return true
	})
}

func (t *transcript) settleMap(field protoreflect.FieldDescriptor, values protoreflect.Map) {
	values.Range(func(key protoreflect.MapKey, value protoreflect.Value) bool {
		switch {
		case field.MapValue().Message() != nil:
			t.settle(value.Message())
		case field.MapValue().Kind() == protoreflect.StringKind:
			values.Set(key, protoreflect.ValueOfString(t.rename(value.String())))
		}
		return true
	})
}

func (t *transcript) settleList(field protoreflect.FieldDescriptor, values protoreflect.List) {
	for i := range values.Len() {
		switch {
		case field.Message() != nil:
			t.settle(values.Get(i).Message())
		case field.Kind() == protoreflect.StringKind:
			values.Set(i, protoreflect.ValueOfString(t.rename(values.Get(i).String())))
		}
	}
	if field.Message() != nil && unordered.MatchString(string(field.Message().Name())) {
		sortByText(values)
	}
}

// unordered are the messages of which containerd makes lists by going over a map.
var unordered = regexp.MustCompile(`^Metric`)

func sortByText(values protoreflect.List) {
	sorted := make([]protoreflect.Value, values.Len())
	for i := range sorted {
		sorted[i] = values.Get(i)
	}
	slices.SortStableFunc(sorted, func(a, b protoreflect.Value) int {
		return strings.Compare(prototext.Format(a.Message().Interface()), prototext.Format(b.Message().Interface()))
	})
	for i, value := range sorted {
		values.Set(i, value)
	}
}

// same fails unless both clients were answered the same in every step.
func same(t *testing.T, direct, through *transcript) {
	t.Helper()
	if len(direct.steps) != len(through.steps) {
		t.Fatalf("%d steps directly, %d through the shim", len(direct.steps), len(through.steps))
	}
	for i, want := range direct.steps {
		if got := through.steps[i]; !want.equal(got) {
			t.Errorf("step %d:\ndirectly         %v\nthrough the shim %v", i, want, got)
		}
	}
}

func (s step) equal(other step) bool {
	if s.name != other.name || s.text != other.text || len(s.messages) != len(other.messages) ||
		!proto.Equal(s.err.Proto(), other.err.Proto()) {
		return false
	}
	for i := range s.messages {
		if !proto.Equal(s.messages[i], other.messages[i]) {
			return false
		}
	}
	return true
}

func (s step) String() string {
	b := &strings.Builder{}
	fmt.Fprintf(b, "%s: %v %s", s.name, s.err, s.text)
	for _, message := range s.messages {
		fmt.Fprintf(b, " {%s}", prototext.MarshalOptions{}.Format(message))
	}
	return b.String()
}
