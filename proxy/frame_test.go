package proxy

import (
	"errors"
	"math/rand/v2"
	"sync"
	"testing"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
	runtimev1 "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// countingPool counts the buffers that have come back.
type countingPool struct{ back int }

func (p *countingPool) Get(n int) *[]byte { b := make([]byte, n); return &b }
func (p *countingPool) Put(*[]byte)       { p.back++ }

// received is a frame as gRPC fills it: message in two buffers of the pool.
func received(t *testing.T, pool *countingPool, m proto.Message) *Frame {
	t.Helper()
	message := marshal(t, m)
	var data mem.BufferSlice
	for _, part := range []string{message[:len(message)/2], message[len(message)/2:]} {
		b := make([]byte, len(part), 64<<10) // small ones are not counted
		copy(b, part)
		data = append(data, mem.NewBuffer(&b, pool))
	}
	frame := new(Frame)
	if err := newCodec().Unmarshal(data, frame); err != nil {
		t.Fatal(err)
	}
	data.Free() // as gRPC does when Unmarshal returns
	return frame
}

// A buffer goes back to the pool when the last one is done with it, not earlier
// (or the next message would overwrite this one) and not twice.
func TestAFramesBuffersGoBackOnce(t *testing.T) {
	t.Parallel()
	message := &runtimev1.VersionResponse{RuntimeName: "a name", RuntimeVersion: "a version"}
	for name, use := range map[string]func(*testing.T, *Frame, *countingPool){
		"sent": func(t *testing.T, f *Frame, pool *countingPool) {
			data, err := newCodec().Marshal(f)
			if err != nil || string(data.Materialize()) != marshal(t, message) {
				t.Fatalf("what is sent is %q, %v", data.Materialize(), err)
			}
			f.free() // as the handler does when it ends
			if pool.back != 0 {
				t.Error("given back before it was written out")
			}
			data.Free()
		},
		"decoded and never sent": func(t *testing.T, f *Frame, pool *countingPool) {
			var got runtimev1.VersionResponse
			if err := f.Decode(&got); err != nil || !proto.Equal(&got, message) {
				t.Fatalf("decoded to %v, %v", &got, err)
			}
			if pool.back != 0 {
				t.Error("given back by Decode")
			}
			f.free()
			f.free()
		},
		"replaced": func(t *testing.T, f *Frame, _ *countingPool) {
			if err := f.Replace(versionRequest()); err != nil {
				t.Fatal(err)
			}
			data, err := newCodec().Marshal(f)
			if err != nil || string(data.Materialize()) != marshal(t, versionRequest()) {
				t.Fatalf("what is sent is %q, %v", data.Materialize(), err)
			}
			data.Free()
		},
		"received into again": func(t *testing.T, f *Frame, _ *countingPool) {
			if err := newCodec().Unmarshal(mem.BufferSlice{mem.SliceBuffer("next")}, f); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := new(countingPool)
			use(t, received(t, pool, message), pool)
			if pool.back != 2 {
				t.Errorf("%d of 2 buffers came back", pool.back)
			}
		})
	}
}

func TestASentFrameIsNoLongerOurs(t *testing.T) {
	t.Parallel()
	f := received(t, new(countingPool), versionResponse())
	if _, err := newCodec().Marshal(f); err != nil {
		t.Fatal(err)
	}
	_, sendErr := newCodec().Marshal(f)
	for what, err := range map[string]error{
		"decode":  f.Decode(versionResponse()),
		"replace": f.Replace(versionResponse()),
		"send":    sendErr,
	} {
		if !errors.Is(err, errFrameSent) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestAnEmptyFrameIsAnEmptyMessage(t *testing.T) {
	t.Parallel()
	var f Frame
	got := versionRequest()
	if err := f.Decode(got); err != nil || got.GetVersion() != "" {
		t.Errorf("decoded to %v, %v", got, err)
	}
	if data, err := newCodec().Marshal(&f); err != nil || data.Len() != 0 {
		t.Errorf("sent as %q, %v", data.Materialize(), err)
	}
}

func TestAFrameThatIsNoMessageStaysAsItIs(t *testing.T) {
	t.Parallel()
	f := Frame{data: mem.BufferSlice{mem.SliceBuffer("\xff\xff")}}
	if err := f.Decode(versionRequest()); err == nil {
		t.Error("it was decoded")
	}
	if err := f.Replace(&runtimev1.VersionRequest{Version: "\xff"}); err == nil {
		t.Error("it was replaced by what cannot be encoded")
	}
	if data, err := newCodec().Marshal(&f); err != nil || string(data.Materialize()) != "\xff\xff" {
		t.Errorf("sent as %q, %v", data.Materialize(), err)
	}
}

// Many calls at once share buffers that are used again and again. None sees
// another one's bytes.
func TestCallsAtOnceDoNotMix(t *testing.T) {
	t.Parallel()
	b := newBed(t, echo)
	var callers sync.WaitGroup
	for i := range 16 {
		callers.Go(func() {
			random := rand.New(rand.NewPCG(2, uint64(i)))
			for range 50 {
				request := string(randomBytes(random))
				method := []string{versionMethod, unknownBidi}[random.IntN(2)]
				if got, err := b.invoke(method, request); err != nil || got != request {
					t.Errorf("%d bytes came back as %d others, %v", len(request), len(got), err)
					return
				}
			}
		})
	}
	callers.Wait()
}
