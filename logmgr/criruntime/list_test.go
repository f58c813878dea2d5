package criruntime

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/cri-logshim/cri-logshim/logmgr"
)

// whole is what a list says when all of it is decoded with CRI's own types.
func whole(data []byte) ([]logmgr.Listed, error) {
	resp := &cri.ListContainersResponse{}
	if err := proto.Unmarshal(data, resp); err != nil {
		return nil, err
	}
	list := make([]logmgr.Listed, len(resp.GetContainers()))
	for i, c := range resp.GetContainers() {
		list[i] = logmgr.Listed{ID: c.GetId(), State: state(c.GetState())}
	}
	return list, nil
}

func encode(tb testing.TB, m proto.Message) []byte {
	tb.Helper()
	data, err := proto.Marshal(m)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// cannedList is a list of n containers as kubelet makes them, about 600 bytes each.
func cannedList(n int) *cri.ListContainersResponse {
	resp := &cri.ListContainersResponse{}
	for i := range n {
		resp.Containers = append(resp.Containers, &cri.Container{
			Id: strings.Repeat("c", 60) + strconv.Itoa(1000+i), PodSandboxId: strings.Repeat("5", 64), State: cri.ContainerState(i % 4),
			Metadata: &cri.ContainerMetadata{Name: "app", Attempt: 3}, Image: &cri.ImageSpec{Image: "registry.example/app:v1"}, CreatedAt: 1 << 60,
			Labels: map[string]string{
				"io.kubernetes.container.name": "app", "io.kubernetes.pod.name": "app-6f7b9c-abcde",
				"io.kubernetes.pod.namespace": "team", "io.kubernetes.pod.uid": "01234567-89ab-cdef-0123-456789abcdef",
			},
			Annotations: map[string]string{"io.kubernetes.container.hash": "0badcafe", "io.kubernetes.container.restartCount": "3"},
		})
	}
	return resp
}

// extended is an encoded container with what a later or a broken runtime may add.
func extended() []byte {
	data := protowire.AppendTag(nil, 4242, protowire.Fixed64Type)
	data = protowire.AppendFixed64(data, 7)
	data = protowire.AppendTag(data, containerID, protowire.VarintType) // not an id
	data = protowire.AppendVarint(data, 9)
	data = protowire.AppendTag(data, containerID, protowire.BytesType)
	data = protowire.AppendString(data, "first")
	data = protowire.AppendTag(data, containerID, protowire.BytesType) // the last one counts
	data = protowire.AppendString(data, "one")
	data = protowire.AppendTag(data, containerState, protowire.VarintType)
	data = protowire.AppendVarint(data, 1<<32|2) // an enum is its lower half
	data = protowire.AppendTag(data, 4243, protowire.StartGroupType)
	data = protowire.AppendTag(data, containerID, protowire.BytesType) // the group's, not the container's
	data = protowire.AppendString(data, "inner")
	data = protowire.AppendTag(data, 4243, protowire.EndGroupType)
	list := protowire.AppendTag(nil, 99, protowire.BytesType)
	list = protowire.AppendString(list, "a field of next year")
	list = protowire.AppendTag(list, listContainers, protowire.BytesType)
	return protowire.AppendBytes(list, data)
}

// Unknown fields, fields of another type and repeated ones are read as protobuf
// reads them.
func TestListOfAnotherRuntime(t *testing.T) {
	want := []logmgr.Listed{{ID: "one", State: logmgr.StateExited}}
	got := listing{all: []logmgr.Listed{{ID: "of the answer before"}}}
	if err := got.decode(inPieces(extended(), 1000)); err != nil || !cmp.Equal(want, got.all) {
		t.Errorf("list %v, %v, want %v", got.all, err, want)
	}
}

// inPieces is data as gRPC hands it over, in pieces of at most size bytes.
func inPieces(data []byte, size int) (all mem.BufferSlice) {
	for piece := range slices.Chunk(data, size) {
		all = append(all, mem.SliceBuffer(piece))
	}
	return all
}

// A list says the same wherever the pieces end in which it arrives, and whether its
// containers are known from the list before or not.
func TestListInPieces(t *testing.T) {
	for _, data := range [][]byte{encode(t, cannedList(20)), extended()} {
		want, err := whole(data)
		if err != nil {
			t.Fatal(err)
		}
		known := names{}
		for size := 1; size <= len(data); size++ {
			got := listing{names: known}
			if err := got.decode(inPieces(data, size)); err != nil || !cmp.Equal(want, got.all) {
				t.Fatalf("in pieces of %d bytes: list %v, %v, want %v", size, got.all, err, want)
			}
		}
	}
}

// What is remembered of lists does not grow with the containers that have come and
// gone, and what a list has told does not change with what later ones tell.
func TestNamesOfGoneContainers(t *testing.T) {
	last := listing{names: names{}}
	for i := range 50 {
		resp := cannedList(10)
		for _, c := range resp.Containers {
			c.Id += "-" + strconv.Itoa(i)
		}
		next := last
		if err := next.decode(inPieces(encode(t, resp), 100)); err != nil {
			t.Fatal(err)
		}
		if got, want := next.all[3].ID, resp.Containers[3].Id; got != want {
			t.Fatalf("container %q, want %q", got, want)
		}
		next.trim()
		last = next
		if n := len(last.names); n > 100 {
			t.Fatalf("%d names are remembered after %d lists of 10", n, i+1)
		}
	}
}

// A list that ends early, wherever, is an error where protobuf says so, and
// never a shorter list.
func TestCutList(t *testing.T) {
	for _, data := range [][]byte{encode(t, cannedList(3)), extended()} {
		for n := range len(data) {
			var got listing
			err := got.decode(inPieces(data[:n], 50))
			want, wantErr := whole(data[:n])
			if (err == nil) != (wantErr == nil) || err == nil && len(want) != len(got.all) {
				t.Fatalf("%d bytes of %d: %d containers, %v; protobuf says %d, %v", n, len(data), len(got.all), err, len(want), wantErr)
			}
		}
	}
}

// Whatever protobuf can read is read alike. Text that is no UTF-8 is an error
// to protobuf alone.
func FuzzList(f *testing.F) {
	f.Add(encode(f, cannedList(2)))
	f.Add(extended())
	f.Add([]byte{0x0a, 0x02, 0x0a, 0x7f})
	f.Fuzz(func(t *testing.T, data []byte) {
		var got listing
		err := got.decode(inPieces(data, 7))
		want, wantErr := whole(data)
		if wantErr != nil {
			return
		}
		if err != nil || len(want) != len(got.all) || len(want) > 0 && !cmp.Equal(want, got.all) {
			t.Errorf("list %v, %v; protobuf says %v", got.all, err, want)
		}
	})
}

// BenchmarkList is a list of 500 containers, beside the same with all of it
// decoded.
func BenchmarkList(b *testing.B) {
	data := encode(b, cannedList(500))
	pieces, list := inPieces(data, 16<<10), listing{names: names{}}
	for name, decode := range map[string]func() error{
		"ids":   func() error { return list.decode(pieces) },
		"whole": func() error { _, err := whole(data); return err },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := decode(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
